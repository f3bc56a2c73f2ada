package main

import (
	"net/http"
	"strconv"
)

// problem is an answer other than success: an RFC 9457 problem and the headers
// that go with its status. As an error it is what handlers return.
type problem struct {
	status int
	header [2]string // name and value; empty for none
	body   []byte
}

// Error names the status; nothing of it is sent.
func (p *problem) Error() string { return http.StatusText(p.status) }

// The problems there are. They hold no word of the request, nor of what went
// wrong inside, so each is made once.
var (
	problemBadRequest   = newProblem(http.StatusBadRequest, "Bad Request", "", "")
	problemUnauthorized = newProblem(http.StatusUnauthorized, "Unauthorized", "WWW-Authenticate", "Bearer")
	problemNotFound     = newProblem(http.StatusNotFound, "Not Found", "", "")
	// The rest of a body that is too large is not read, so the connection ends.
	problemTooLarge    = newProblem(http.StatusRequestEntityTooLarge, "Content Too Large", "Connection", "close")
	problemMediaType   = newProblem(http.StatusUnsupportedMediaType, "Unsupported Media Type", "", "")
	problemUnavailable = newProblem(http.StatusServiceUnavailable, "Service Unavailable", "Retry-After", "1")
)

func problemMethodNotAllowed(allow string) *problem {
	return newProblem(http.StatusMethodNotAllowed, "Method Not Allowed", "Allow", allow)
}

func newProblem(status int, title, headerName, headerValue string) *problem {
	return &problem{
		status: status,
		header: [2]string{headerName, headerValue},
		body:   mustMarshal(problemBody{Type: "about:blank", Title: title, Status: status}),
	}
}

// problemBody is the body of application/problem+json.
type problemBody struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
}

// ServeHTTP answers with the problem, whatever was asked.
func (p *problem) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if p.header[0] != "" {
		w.Header().Set(p.header[0], p.header[1])
	}
	answer(w, p.status, "application/problem+json", p.body)
}

// answer writes a whole response.
func answer(w http.ResponseWriter, status int, contentType string, body []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A failed write means that the caller is gone: nobody is left to tell.
	_, _ = w.Write(body)
}
