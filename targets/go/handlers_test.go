package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
)

// A refused body is read to its end, so that what follows on the connection is
// understood.
func TestTheConnectionOutlivesARefusal(t *testing.T) {
	i := newIssuer(t)
	server := newServer(t, newTestApp(t, guardedSettings(t, i)))
	c := dial(t, server.Listener.Addr().String())
	body := strings.Repeat("x", 60_000)
	for _, want := range []struct {
		authorization, body string
		status              int
	}{
		{"Bearer bad", body, 401},
		{"Bearer " + i.token(t, nil), testMessage, 200},
		{"Bearer bad", body, 401},
	} {
		c.write(fmt.Sprintf("POST /v1/messages/a HTTP/1.1\r\nhost: x\r\nAUTHORIZATION: %s\r\n"+
			"content-TYPE: Application/JSON ; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s",
			want.authorization, len(want.body), want.body))
		response := c.read(http.MethodPost)
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want.status {
			t.Fatalf("status %d, want %d", response.StatusCode, want.status)
		}
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	server := newServer(t, newTestApp(t, openSettings(t)))
	c := dial(t, server.Listener.Addr().String())
	c.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /%68ealthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz?a=b HTTP/1.1\r\nHost: x\r\n\r\n")
	for _, want := range []int{200, 404, 200} {
		response := c.read(http.MethodGet)
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
}

// The caller who announces too much is told before sending any of it.
func TestTooLargeIsSaidAtOnce(t *testing.T) {
	server := newServer(t, newTestApp(t, openSettings(t).with("MAX_BODY_BYTES", "10")))
	for name, body := range map[string]string{
		"announced": "Content-Length: 11\r\n\r\n",
		"chunked":   "Transfer-Encoding: chunked\r\n\r\nb\r\n{          \r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, server.Listener.Addr().String())
			c.write("POST /v1/messages/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + body)
			if response := c.read(http.MethodPost); response.StatusCode != http.StatusRequestEntityTooLarge {
				t.Errorf("status %d", response.StatusCode)
			}
		})
	}
}

func TestWrongMethodsAreToldTheRightOnes(t *testing.T) {
	handler := newTestApp(t, openSettings(t)).routes()
	for target, allow := range map[string]string{"/v1/messages/a": "POST", "/healthz": "GET, HEAD", "/info": "GET, HEAD"} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodDelete, target, nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != allow {
			t.Errorf("%s: status %d, Allow %q", target, w.Code, w.Header().Get("Allow"))
		}
	}
}

func TestThePoolIsBounded(t *testing.T) {
	a := newTestApp(t, openSettings(t).with(
		"BACKEND_DELAY_MS", "1", "BACKEND_POOL_SIZE", "1", "BACKEND_ACQUIRE_TIMEOUT_MS", "0"))
	if w := post(a, ""); w.Code != http.StatusOK {
		t.Fatalf("with the pool free: status %d", w.Code)
	}
	if err := a.backend.acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	w := post(a, "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("with the pool taken: status %d, headers %v", w.Code, w.Header())
	}
	a.backend.release()
	if w := post(a, ""); w.Code != http.StatusOK {
		t.Errorf("with the pool free again: status %d", w.Code)
	}
}

func TestEveryAnswerToAMessageIsCounted(t *testing.T) {
	i := newIssuer(t)
	a := newTestApp(t, guardedSettings(t, i))
	handler, good := a.routes(), i.token(t, nil)
	const each = 20
	var senders sync.WaitGroup
	for range each {
		senders.Add(1)
		go func() {
			defer senders.Done()
			post(a, good)
			post(a, "bad")
			for _, r := range []*http.Request{
				httptest.NewRequest(http.MethodGet, "/v1/messages/a", nil),    // another method
				httptest.NewRequest(http.MethodPost, "/v1/messages/a/b", nil), // another path
			} {
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		}()
	}
	senders.Wait()

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/info", nil))
	var got struct {
		MessagesAnswered int   `json:"messages_answered"`
		PIDs             []int `json:"pids"`
		Permits          int   `json:"permits"`
		PoolSize         int   `json:"pool_size"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.MessagesAnswered != 2*each {
		t.Errorf("%d messages answered, want %d", got.MessagesAnswered, 2*each)
	}
	if len(got.PIDs) != 1 || got.PIDs[0] != os.Getpid() || got.Permits != 50 || got.PoolSize != 16 {
		t.Errorf("info %+v", got)
	}
}
