package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/gorilla/mux"
)

const jsonType = "application/json"

// routedMessage is the answer to a message: where it goes, and what it was.
type routedMessage struct {
	Route   destination `json:"route"`
	Message *message    `json:"message"`
}

type destination struct {
	Rule         string `json:"rule"`
	Destination  string `json:"destination"`
	Partition    uint64 `json:"partition"`
	TableVersion int    `json:"table_version"`
}

// exchange is the memory one message passes through, kept for the next.
type exchange struct {
	request  bytes.Buffer
	message  message
	response bytes.Buffer
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// getHealth answers as soon as there is anyone to answer.
func (a *app) getHealth(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jsonType, []byte(`{"status":"ok"}`))
}

// getInfo describes the running service.
func (a *app) getInfo(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jsonType, mustMarshal(a.info()))
}

// postMessage authenticates the caller, then routes the message.
func (a *app) postMessage(w http.ResponseWriter, r *http.Request) {
	if a.verifier != nil {
		release, err := a.verifier.authenticate(r.Context(), r.Header)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		defer release()
	}
	x := exchanges.Get().(*exchange)
	defer exchanges.Put(x)
	if err := a.route(w, r, x); err != nil {
		a.refuse(w, r, err)
		return
	}
	a.answered.Add(1)
	answer(w, http.StatusOK, jsonType, x.response.Bytes())
}

// route reads and checks the message, finds its destination, waits for the
// backend and leaves the answer in x.response.
func (a *app) route(w http.ResponseWriter, r *http.Request, x *exchange) error {
	if !isJSON(r.Header.Get("Content-Type")) {
		return problemMediaType
	}
	if err := a.readBody(w, r, &x.request); err != nil {
		return err
	}
	if err := x.message.parse(x.request.Bytes()); err != nil {
		return problemBadRequest
	}
	table := a.table.load()
	rule := table.find(mux.Vars(r)["topic"], &x.message)
	if rule == nil {
		return problemNotFound
	}
	if err := a.waitForBackend(r.Context()); err != nil {
		return err
	}
	x.response.Reset()
	return json.MarshalWrite(&x.response, routedMessage{
		Route: destination{
			Rule:         rule.name,
			Destination:  rule.destination,
			Partition:    rule.partition(*x.message.ID),
			TableVersion: table.version,
		},
		Message: &x.message,
	}, encoding)
}

// isJSON compares a media type without regard to case and parameters.
func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), jsonType)
}

// readBody reads the whole body into buffer, or no more than shows that it is
// too large. The error is a *problem.
func (a *app) readBody(w http.ResponseWriter, r *http.Request, buffer *bytes.Buffer) error {
	if r.ContentLength > a.config.maxBodyBytes {
		return problemTooLarge
	}
	buffer.Reset()
	_, err := buffer.ReadFrom(http.MaxBytesReader(w, r.Body, a.config.maxBodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problemTooLarge
	case err != nil:
		return problemBadRequest
	}
	return nil
}

// waitForBackend stands for the work behind the routing. The error is
// errNoPermit or that of ctx.
func (a *app) waitForBackend(ctx context.Context) error {
	if a.config.backend.delay == 0 {
		return nil
	}
	if err := a.backend.acquire(ctx); err != nil {
		return err
	}
	defer a.backend.release()
	return wait(ctx, a.config.backend.delay)
}

// refuse answers with the problem that err is or stands for.
func (a *app) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
	case errors.Is(err, errRefused):
		p = problemUnauthorized
	case errors.Is(err, errNoPermit):
		p = problemUnavailable
	default:
		// The caller went away while waiting: end the connection.
		panic(http.ErrAbortHandler)
	}
	a.answered.Add(1)
	p.ServeHTTP(w, r)
}
