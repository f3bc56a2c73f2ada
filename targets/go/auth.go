package main

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"
)

const (
	maxTokenBytes = 8192
	bearerScheme  = "Bearer"
)

// errRefused is returned for a caller who has not proved who they are. Which
// check failed is nobody's business.
var errRefused = errors.New("no valid bearer token")

// verifier checks bearer tokens against fixed keys, issuer and audience.
type verifier struct {
	method      jwt.SigningMethod // by configuration, never the token's choice
	keys        keySet
	parser      *jwt.Parser
	validator   *jwt.Validator
	permits     *permits
	lookupDelay time.Duration
	untilAnswer bool // permits are held until the answer, not only for the check
}

// newVerifier loads the keys. The error is a *settingError. cfg.algorithm is
// not algorithmNone.
func newVerifier(cfg authConfig) (*verifier, error) {
	keys, err := loadKeys(cfg.keysFile, cfg.algorithm)
	if err != nil {
		return nil, badFile("AUTH_KEYS_FILE", cfg.keysFile, err)
	}
	return &verifier{
		method: jwt.GetSigningMethod(cfg.algorithm),
		keys:   keys,
		parser: jwt.NewParser(jwt.WithStrictDecoding()),
		validator: jwt.NewValidator(
			jwt.WithIssuer(cfg.issuer),
			jwt.WithAudience(cfg.audience),
			jwt.WithExpirationRequired(),
		),
		permits:     newPermits(cfg.maxConcurrent, cfg.acquireTimeout),
		lookupDelay: cfg.lookupDelay,
		untilAnswer: cfg.permitScope == scopeRequest,
	}, nil
}

// authenticate checks the token of a request with these headers. On success
// the caller calls release once the request is answered. The error is
// errRefused, errNoPermit, or that of ctx; release is nil then.
func (v *verifier) authenticate(ctx context.Context, header http.Header) (release func(), err error) {
	claimed, err := v.inspect(header)
	if err != nil {
		return nil, err
	}
	if err := v.permits.acquire(ctx); err != nil {
		return nil, err
	}
	if err := v.check(ctx, claimed); err != nil {
		v.permits.release()
		return nil, err
	}
	if v.untilAnswer {
		return v.permits.release, nil
	}
	v.permits.release()
	return func() {}, nil
}

// unverified is a token that claims to be signed with key. Its claims and
// signature are still encoded: before the signature is checked, nobody reads
// what it is about.
type unverified struct {
	key       crypto.PublicKey
	signed    string // what the signature is about: header and claims, encoded
	claims    string
	signature string
}

// joseHeader holds the header parameters we act on. The key is ours and found
// by name alone: jwk, jku and x5u are not read.
type joseHeader struct {
	Algorithm string         `json:"alg"`
	KeyID     string         `json:"kid"`
	Critical  jsontext.Value `json:"crit"`
}

// inspect refuses, at little cost, whatever no signature could save.
func (v *verifier) inspect(header http.Header) (unverified, error) {
	token, err := bearerToken(header)
	if err != nil {
		return unverified{}, err
	}
	encoded, rest, _ := strings.Cut(token, ".")
	claims, signature, complete := strings.Cut(rest, ".")
	if !complete {
		return unverified{}, errRefused
	}
	var h joseHeader
	if err := v.decode(encoded, &h); err != nil {
		return unverified{}, errRefused
	}
	key, known := v.keys[h.KeyID]
	// We understand no extension, so none may be critical.
	if !known || h.Algorithm != v.method.Alg() || h.Critical != nil {
		return unverified{}, errRefused
	}
	return unverified{
		key:       key,
		signed:    token[:len(encoded)+len(".")+len(claims)],
		claims:    claims,
		signature: signature,
	}, nil
}

// decode decodes a segment of JSON.
func (v *verifier) decode(segment string, into any) error {
	text, err := v.parser.DecodeSegment(segment)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// bearerToken returns the token of the one Authorization header.
func bearerToken(header http.Header) (string, error) {
	values := header["Authorization"]
	if len(values) != 1 {
		return "", errRefused
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, bearerScheme) || len(token) > maxTokenBytes {
		return "", errRefused
	}
	// Go's base64 decoder skips line breaks, even a strict one.
	if strings.ContainsAny(token, "\r\n") {
		return "", errRefused
	}
	return token, nil
}

// check waits for the look-up, then verifies the signature and the claims. A
// permit is held meanwhile.
func (v *verifier) check(ctx context.Context, token unverified) error {
	if err := wait(ctx, v.lookupDelay); err != nil {
		return err
	}
	signature, err := v.parser.DecodeSegment(token.signature)
	if err != nil {
		return errRefused
	}
	if err := v.method.Verify(token.signed, signature, token.key); err != nil {
		return errRefused
	}
	var c claims
	if err := v.decode(token.claims, &c); err != nil {
		return errRefused
	}
	if err := v.validator.Validate(&c); err != nil {
		return errRefused
	}
	return nil
}
