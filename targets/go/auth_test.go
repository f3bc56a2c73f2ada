package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func newTestVerifier(t *testing.T, i issuer, pairs ...string) *verifier {
	t.Helper()
	return newTestApp(t, guardedSettings(t, i).with(pairs...)).verifier
}

// authenticate presents the Authorization headers and releases what it got.
func authenticate(v *verifier, headers ...string) error {
	release, err := v.authenticate(context.Background(), http.Header{"Authorization": headers})
	if err == nil {
		release()
	}
	return err
}

func TestTokensAreJudged(t *testing.T) {
	i := newIssuer(t)
	v := newTestVerifier(t, i)
	now := float64(time.Now().Unix())
	claim := func(name string, value any) func(map[string]any, jwt.MapClaims) {
		return func(_ map[string]any, claims jwt.MapClaims) { claims[name] = value }
	}
	header := func(name string, value any) func(map[string]any, jwt.MapClaims) {
		return func(header map[string]any, _ jwt.MapClaims) { header[name] = value }
	}
	for name, c := range map[string]struct {
		edit     func(map[string]any, jwt.MapClaims)
		accepted bool
	}{
		"good":                 {nil, true},
		"audience among many":  {claim("aud", []string{"other", testAudience}), true},
		"begun":                {claim("nbf", now-1), true},
		"issued in the future": {claim("iat", now+3600), true},
		"fractional times":     {claim("exp", now+3600.5), true},
		"other typ":            {header("typ", "other"), true},
		"key offered":          {header("jwk", map[string]string{"kty": "EC"}), true},
		"no expiry":            {claim("exp", nil), false},
		"expired":              {claim("exp", now-1), false},
		"expiry as text":       {claim("exp", "9999999999"), false},
		"not yet valid":        {claim("nbf", now+3600), false},
		"begin as text":        {claim("nbf", "0"), false},
		"begin null":           {claim("nbf", nil), false},
		"name in other case":   {func(_ map[string]any, c jwt.MapClaims) { c["EXP"] = c["exp"]; delete(c, "exp") }, false},
		"wrong issuer":         {claim("iss", "other"), false},
		"wrong audience":       {claim("aud", []string{"other"}), false},
		"audience as number":   {claim("aud", 1), false},
		"unknown kid":          {header("kid", "other"), false},
		"kid as number":        {header("kid", 1), false},
		"critical extension":   {header("crit", []string{"exp"}), false},
		"empty crit":           {header("crit", []string{}), false},
	} {
		err := authenticate(v, "Bearer "+i.token(t, c.edit))
		if c.accepted && err != nil || !c.accepted && !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTimesHaveFractions(t *testing.T) {
	date, err := numericDate([]byte("1000000000.75"))
	if err != nil || date.UnixMilli() != 1_000_000_000_750 {
		t.Errorf("got %v, %v", date, err)
	}
	for _, far := range []string{"1e300", "-1e300"} {
		if date, err := numericDate([]byte(far)); err != nil || date.After(time.Now()) != (far[0] != '-') {
			t.Errorf("%s is %v, %v", far, date, err)
		}
	}
}

func TestAuthorizationHeaderShapes(t *testing.T) {
	i := newIssuer(t)
	v := newTestVerifier(t, i)
	token := i.token(t, nil)
	for _, header := range []string{"Bearer " + token, "bearer " + token, "BEARER " + token} {
		if err := authenticate(v, header); err != nil {
			t.Errorf("%.10q…: %v", header, err)
		}
	}
	tooLong := i.token(t, func(_ map[string]any, c jwt.MapClaims) { c["pad"] = strings.Repeat("x", maxTokenBytes) })
	for name, headers := range map[string][]string{
		"none":            nil,
		"empty":           {""},
		"scheme alone":    {"Bearer"},
		"no token":        {"Bearer "},
		"two spaces":      {"Bearer  " + token},
		"tab":             {"Bearer\t" + token},
		"trailing space":  {"Bearer " + token + " "},
		"other scheme":    {"Basic " + token},
		"two headers":     {"Bearer " + token, "Bearer " + token},
		"four segments":   {"Bearer " + token + ".a"},
		"too long":        {"Bearer " + tooLong},
		"line break":      {"Bearer " + token[:10] + "\n" + token[10:]},
		"padded":          {"Bearer " + token + "=="},
		"standard base64": {"Bearer " + strings.Replace(token, ".", "+.", 1)},
	} {
		if err := authenticate(v, headers...); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignaturesAreStrict(t *testing.T) {
	i := newIssuer(t)
	v := newTestVerifier(t, i)
	token := i.token(t, nil)
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// 64 bytes leave four unused bits in the last character: the next
	// character of the alphabet differs in those alone.
	last := strings.IndexByte(alphabet, token[len(token)-1])
	stray := token[:len(token)-1] + alphabet[last+1:last+2]
	start := strings.LastIndexByte(token, '.') + 1
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	foreign := issuer{key: stranger}.token(t, nil)
	for name, bad := range map[string]string{
		"stray bits":  stray,
		"no bytes":    token[:start],
		"zero":        token[:start] + strings.Repeat("A", len(token)-start),
		"other key":   foreign,
		"other token": token[:start] + foreign[strings.LastIndexByte(foreign, '.')+1:],
	} {
		if err := authenticate(v, "Bearer "+bad); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheAlgorithmIsNotTheTokensChoice(t *testing.T) {
	i := newIssuer(t)
	v := newTestVerifier(t, i)
	claims := jwt.MapClaims{"iss": testIssuer, "aud": testAudience, "exp": time.Now().Add(time.Hour).Unix()}
	point, err := i.key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		method jwt.SigningMethod
		key    any
	}{
		"none":  {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType},
		"HS256": {jwt.SigningMethodHS256, point.Bytes()},
	} {
		token := jwt.NewWithClaims(bad.method, claims)
		token.Header["kid"] = testKeyID
		if err := authenticate(v, "Bearer "+sign(t, token, bad.key)); !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPermitsBoundTheChecks(t *testing.T) {
	i := newIssuer(t)
	for _, scope := range []string{scopeCheck, scopeRequest} {
		t.Run(scope, func(t *testing.T) {
			v := newTestVerifier(t, i,
				"AUTH_MAX_CONCURRENT", "1", "AUTH_ACQUIRE_TIMEOUT_MS", "0", "AUTH_PERMIT_SCOPE", scope)
			good := http.Header{"Authorization": {"Bearer " + i.token(t, nil)}}
			release, err := v.authenticate(context.Background(), good)
			if err != nil {
				t.Fatal(err)
			}
			again, err := v.authenticate(context.Background(), good)
			if held := errors.Is(err, errNoPermit); held != (scope == scopeRequest) {
				t.Errorf("before the answer: %v", err)
			}
			if err == nil {
				again()
			}
			release()
			if err := authenticate(v, good["Authorization"]...); err != nil {
				t.Errorf("after the answer: %v", err)
			}
		})
	}
}

func TestRefusedTokensKeepNoPermit(t *testing.T) {
	i := newIssuer(t)
	v := newTestVerifier(t, i,
		"AUTH_MAX_CONCURRENT", "1", "AUTH_ACQUIRE_TIMEOUT_MS", "0", "AUTH_PERMIT_SCOPE", scopeRequest)
	expired := i.token(t, func(_ map[string]any, c jwt.MapClaims) { c["exp"] = 1 })
	for range 3 {
		if err := authenticate(v, "Bearer "+expired); !errors.Is(err, errRefused) {
			t.Fatal(err)
		}
	}
	// What is refused before the permit does not even need one.
	if err := v.permits.acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := authenticate(v, "Bearer no.token.this"); !errors.Is(err, errRefused) {
		t.Errorf("with no permit left: %v", err)
	}
}
