package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	guarded := settings{"ROUTES_FILE": "r", "AUTH_KEYS_FILE": "k", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a", "PORT": ""}
	got, err := loadConfig(guarded.getenv)
	if err != nil {
		t.Fatal(err)
	}
	want := config{
		bind:         "127.0.0.1",
		port:         8080,
		cpus:         got.cpus, // of this machine
		routesFile:   "r",
		maxBodyBytes: 65536,
		auth: authConfig{
			algorithm: "ES256", keysFile: "k", issuer: "i", audience: "a",
			maxConcurrent: 50, permitScope: "check", acquireTimeout: time.Second,
		},
		backend: backendConfig{poolSize: 16, acquireTimeout: time.Second},
	}
	if got != want || got.cpus < 1 {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestConfigRefusesBadValues(t *testing.T) {
	for _, bad := range []struct{ variable, value string }{
		{"BIND", "not an address"},
		{"PORT", "http"}, {"PORT", "-1"}, {"PORT", "65536"}, {"PORT", "80.5"}, {"PORT", " 80"},
		{"CPUS", "0"}, {"CPUS", "two"},
		{"ROUTES_FILE", ""},
		{"AUTH_ALGORITHM", "HS256"}, {"AUTH_ALGORITHM", "es256"},
		{"AUTH_KEYS_FILE", ""}, {"AUTH_ISSUER", ""}, {"AUTH_AUDIENCE", ""},
		{"AUTH_MAX_CONCURRENT", "0"}, {"AUTH_MAX_CONCURRENT", "99999999999999999999"},
		{"AUTH_PERMIT_SCOPE", "answer"},
		{"AUTH_ACQUIRE_TIMEOUT_MS", "-1"}, {"AUTH_LOOKUP_DELAY_MS", "1s"},
		{"BACKEND_DELAY_MS", "-5"}, {"BACKEND_POOL_SIZE", "0"}, {"BACKEND_ACQUIRE_TIMEOUT_MS", "x\ny"},
		{"MAX_BODY_BYTES", "0"},
	} {
		t.Run(bad.variable+"="+bad.value, func(t *testing.T) {
			good := settings{"ROUTES_FILE": "r", "AUTH_KEYS_FILE": "k", "AUTH_ISSUER": "i", "AUTH_AUDIENCE": "a"}
			_, err := loadConfig(good.with(bad.variable, bad.value).getenv)
			checkSettingError(t, err, bad.variable, bad.value)
		})
	}
}

func TestAppRefusesBadFiles(t *testing.T) {
	good := guardedSettings(t, newIssuer(t))
	for name, bad := range map[string]struct{ variable, path string }{
		"no routes":      {"ROUTES_FILE", "/nonexistent/routes.json"},
		"broken routes":  {"ROUTES_FILE", writeFile(t, "r", `{"version":1,`)},
		"no rules":       {"ROUTES_FILE", writeFile(t, "r", `{"version":1,"rules":[]}`)},
		"no keys file":   {"AUTH_KEYS_FILE", "/nonexistent/jwks.json"},
		"broken keys":    {"AUTH_KEYS_FILE", writeFile(t, "k", `[]`)},
		"no usable key":  {"AUTH_KEYS_FILE", writeFile(t, "k", `{"keys":[{"kty":"oct","kid":"a"}]}`)},
		"point off line": {"AUTH_KEYS_FILE", writeFile(t, "k", offCurveKeys)},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := loadConfig(good.with(bad.variable, bad.path).getenv)
			if err != nil {
				t.Fatal(err)
			}
			_, err = newApp(cfg)
			checkSettingError(t, err, bad.variable, bad.path)
		})
	}
}

const offCurveKeys = `{"keys":[{"kty":"EC","crv":"P-256","kid":"a",` +
	`"x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}]}`

// checkSettingError wants one line that names the variable and the value.
func checkSettingError(t *testing.T, err error, variable, value string) {
	t.Helper()
	var bad *settingError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a *settingError", err)
	}
	if bad.variable != variable || bad.value != value {
		t.Errorf("the error is about %s=%q, want %s=%q", bad.variable, bad.value, variable, value)
	}
	if line := bad.Error(); strings.Contains(line, "\n") || !strings.Contains(line, variable) {
		t.Errorf("not one line with the variable: %q", line)
	}
}
