package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The shared cases, as the kit writes them.
type (
	kit struct {
		Schema   int                 `json:"schema"`
		Settings map[string]settings `json:"settings"`
		Cases    []sharedCase        `json:"cases"`
	}
	sharedCase struct {
		Name     string        `json:"name"`
		Settings []string      `json:"settings"`
		Wire     bool          `json:"wire"` // needs the built service
		Requests []caseRequest `json:"requests"`
	}
	caseRequest struct {
		Method  string      `json:"method"`
		Target  string      `json:"target"`
		Headers [][2]string `json:"headers"`
		Body    []byte      `json:"body_base64"`
		Chunked bool        `json:"chunked"`
		Expect  expectation `json:"expect"`
	}
	expectation struct {
		Status  []int             `json:"status"`
		Headers map[string]string `json:"headers"`
		JSON    any               `json:"json"`
		Problem bool              `json:"problem"`
	}
)

// loadKit reads the kit that BENCH_KIT names.
func loadKit(t *testing.T) kit {
	t.Helper()
	folder := os.Getenv("BENCH_KIT")
	if folder == "" {
		t.Fatal("BENCH_KIT must name the folder with the shared cases (make kit)")
	}
	text, err := os.ReadFile(filepath.Join(folder, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var k kit
	if err := json.Unmarshal(text, &k); err != nil {
		t.Fatal(err)
	}
	if k.Schema != 1 {
		t.Fatalf("cases.json has schema %d, want 1", k.Schema)
	}
	for _, values := range k.Settings {
		for name, value := range values {
			if strings.HasSuffix(name, "_FILE") {
				values[name] = filepath.Join(folder, value)
			}
		}
	}
	return k
}

func TestSharedCases(t *testing.T) {
	k := loadKit(t)
	for name, values := range k.Settings {
		t.Run(name, func(t *testing.T) {
			server := newServer(t, newTestApp(t, values))
			ran := 0
			for _, c := range k.Cases {
				if c.Wire || !slices.Contains(c.Settings, name) {
					continue
				}
				ran++
				t.Run(c.Name, func(t *testing.T) {
					connection := dial(t, server.Listener.Addr().String())
					for _, request := range c.Requests {
						connection.write(request.text())
						request.Expect.check(t, connection.read(request.Method))
					}
				})
			}
			if ran == 0 {
				t.Error("no case for these settings")
			}
		})
	}
}

// text is the request as it goes over the wire.
func (r caseRequest) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: target\r\n", r.Method, r.Target)
	for _, header := range r.Headers {
		fmt.Fprintf(&text, "%s: %s\r\n", header[0], header[1])
	}
	switch {
	case r.Chunked && len(r.Body) > 0:
		fmt.Fprintf(&text, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(r.Body), r.Body)
	case r.Chunked:
		text.WriteString("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
	case len(r.Body) > 0 || r.Method == http.MethodPost:
		fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(r.Body), r.Body)
	default:
		text.WriteString("\r\n")
	}
	return text.String()
}

func (e expectation) check(t *testing.T, got *http.Response) {
	t.Helper()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(e.Status, got.StatusCode) {
		t.Fatalf("status %d, want %v; body %s", got.StatusCode, e.Status, body)
	}
	for name, want := range e.Headers {
		if values := strings.Join(got.Header.Values(name), ", "); !strings.Contains(values, want) {
			t.Errorf("header %s is %q, want it to contain %q", name, values, want)
		}
	}
	if e.JSON != nil {
		var have any
		if err := json.Unmarshal(body, &have); err != nil {
			t.Fatalf("the answer is not JSON: %v", err)
		}
		if !reflect.DeepEqual(have, e.JSON) {
			t.Errorf("answer %s\nwant %v", body, e.JSON)
		}
	}
	if e.Problem {
		checkProblem(t, got, body)
	}
}

// checkProblem checks that the body is the problem of its status.
func checkProblem(t *testing.T, got *http.Response, body []byte) {
	t.Helper()
	if mediaType := got.Header.Get("Content-Type"); mediaType != "application/problem+json" {
		t.Errorf("content type %q", mediaType)
	}
	titles := map[int]string{
		400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
		413: "Content Too Large", 415: "Unsupported Media Type", 503: "Service Unavailable",
	}
	var have map[string]any
	if err := json.Unmarshal(body, &have); err != nil {
		t.Fatalf("the problem is not JSON: %v", err)
	}
	want := map[string]any{
		"type": "about:blank", "title": titles[got.StatusCode], "status": float64(got.StatusCode),
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("problem %s, want %v", body, want)
	}
}
