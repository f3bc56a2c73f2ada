package main

import (
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/gorilla/mux"
)

// topicPath is the path of messages. Paths are matched as they were sent, so
// that nothing percent-encoded is ever a topic.
const topicPath = "/v1/messages/{topic:[A-Za-z0-9._-]{1,128}}"

// app is the service, apart from how it is started and stopped.
type app struct {
	config   config
	table    *liveTable
	verifier *verifier // nil: nobody is asked for a token
	backend  *permits
	answered atomic.Int64 // answers of any status to a POST of a message
}

// newApp opens what the configuration names. The error is a *settingError.
func newApp(cfg config) (*app, error) {
	table, err := openTable(cfg.routesFile)
	if err != nil {
		return nil, badFile("ROUTES_FILE", cfg.routesFile, err)
	}
	a := &app{
		config:  cfg,
		table:   table,
		backend: newPermits(cfg.backend.poolSize, cfg.backend.acquireTimeout),
	}
	if cfg.auth.algorithm != algorithmNone {
		if a.verifier, err = newVerifier(cfg.auth); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// routes lists all there is to ask for.
func (a *app) routes() http.Handler {
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	router.NotFoundHandler = problemNotFound
	handle := func(path string, handler http.HandlerFunc, methods ...string) {
		router.Path(path).Methods(methods...).Handler(handler)
		router.Path(path).Handler(problemMethodNotAllowed(strings.Join(methods, ", ")))
	}
	handle(topicPath, a.postMessage, http.MethodPost)
	handle("/healthz", a.getHealth, http.MethodGet, http.MethodHead)
	handle("/info", a.getInfo, http.MethodGet, http.MethodHead)
	return router
}
