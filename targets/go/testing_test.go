package main

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testIssuer   = "test-issuer"
	testAudience = "test-audience"
	testKeyID    = "key-1"
	testMessage  = `{"id":"m-1","type":"t","priority":5,"region":"eu-west","attributes":{"tier":"gold"},"payload":[1]}`
	testTable    = `{"version":1,"rules":[{"name":"all","topic":"#","destination":"everywhere","partitions":8}]}`
)

// patience bounds every wait for something that is bound to happen.
const patience = 10 * time.Second

// eventually polls condition and fails the test if it does not come true.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// writeFile writes text to a file of its own and returns its path.
func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issuer makes a key, and tokens signed with it.
type issuer struct {
	key  *ecdsa.PrivateKey
	jwks string // the public key
}

func newIssuer(t testing.TB) issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	coordinates := point.Bytes()[1:]
	encode := base64.RawURLEncoding.EncodeToString
	return issuer{key, `{"keys":[{"kty":"EC","crv":"P-256","kid":"` + testKeyID +
		`","x":"` + encode(coordinates[:32]) + `","y":"` + encode(coordinates[32:]) + `"}]}`}
}

// token signs good claims and header, changed by edit.
func (i issuer) token(t testing.TB, edit func(header map[string]any, claims jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": testIssuer,
		"aud": testAudience,
		"exp": float64(time.Now().Add(time.Hour).Unix()),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = testKeyID
	if edit != nil {
		edit(token.Header, claims)
	}
	return sign(t, token, i.key)
}

func sign(t testing.TB, token *jwt.Token, key crypto.PrivateKey) string {
	t.Helper()
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// settings is an environment for tests.
type settings map[string]string

func (s settings) getenv(name string) string { return s[name] }

// with returns a copy in which the given names and values stand.
func (s settings) with(pairs ...string) settings {
	changed := make(settings)
	for name, value := range s {
		changed[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		changed[pairs[i]] = pairs[i+1]
	}
	return changed
}

// openSettings are the least there must be: nobody is asked for a token.
func openSettings(t *testing.T) settings {
	t.Helper()
	return settings{"AUTH_ALGORITHM": "none", "ROUTES_FILE": writeFile(t, "routes.json", testTable)}
}

// guardedSettings ask for tokens of the issuer.
func guardedSettings(t testing.TB, i issuer) settings {
	t.Helper()
	return settings{
		"ROUTES_FILE":    writeFile(t, "routes.json", testTable),
		"AUTH_KEYS_FILE": writeFile(t, "jwks.json", i.jwks),
		"AUTH_ISSUER":    testIssuer,
		"AUTH_AUDIENCE":  testAudience,
	}
}

func newTestApp(t testing.TB, s settings) *app {
	t.Helper()
	cfg, err := loadConfig(s.getenv)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newApp(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// newServer serves a over loopback until the test ends.
func newServer(t *testing.T, a *app) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(a.routes())
	t.Cleanup(server.Close)
	return server
}

// post sends testMessage in process and returns the answer. No token: "".
func post(a *app, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/messages/some.topic", strings.NewReader(testMessage))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	a.routes().ServeHTTP(w, r)
	return w
}

// connection is one HTTP/1.1 connection on which requests are written as they
// stand, odd ones too.
type connection struct {
	t      *testing.T
	conn   net.Conn
	reader *bufio.Reader
}

func dial(t *testing.T, address string) connection {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return connection{t, conn, bufio.NewReader(conn)}
}

func (c connection) write(request string) {
	c.t.Helper()
	if _, err := c.conn.Write([]byte(request)); err != nil {
		c.t.Fatal(err)
	}
}

// read returns the next answer; its body is still to be read.
func (c connection) read(method string) *http.Response {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	return response
}
