package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// BenchmarkMessage answers the kit's messages in process: all that the service
// does but for the network.
func BenchmarkMessage(b *testing.B) {
	folder := os.Getenv("BENCH_KIT")
	if folder == "" {
		b.Skip("BENCH_KIT must name the folder with the messages")
	}
	for _, algorithm := range []string{algorithmES256, algorithmNone} {
		b.Run(algorithm, func(b *testing.B) {
			i := newIssuer(b)
			s := guardedSettings(b, i).with("AUTH_ALGORITHM", algorithm, "ROUTES_FILE", filepath.Join(folder, "routes.json"))
			handler := newTestApp(b, s).routes()
			authorization := []string{"Bearer " + i.token(b, nil)}
			messages := kitMessages(b, folder)
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				m := messages[n%len(messages)]
				r := httptest.NewRequest(http.MethodPost, "/v1/messages/"+m.Topic, strings.NewReader(m.Body))
				r.Header["Authorization"] = authorization
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatalf("status %d: %s", w.Code, w.Body)
				}
			}
		})
	}
}

type kitMessage struct {
	Topic string `json:"topic"`
	Body  string `json:"body"`
}

func kitMessages(b *testing.B, folder string) []kitMessage {
	b.Helper()
	file, err := os.Open(filepath.Join(folder, "messages.jsonl"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	var messages []kitMessage
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var m kitMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}
