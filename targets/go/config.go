package main

import (
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	algorithmES256 = "ES256"
	algorithmRS256 = "RS256"
	algorithmNone  = "none"

	scopeCheck   = "check"
	scopeRequest = "request"
)

// config is the whole configuration, valid as far as it can be judged without
// opening the files it names.
type config struct {
	bind         string // address or host name
	port         int    // 0: any that is free
	cpus         int
	routesFile   string
	maxBodyBytes int64
	auth         authConfig
	backend      backendConfig
}

// authConfig says how tokens are checked. With algorithmNone the keys, issuer
// and audience are empty.
type authConfig struct {
	algorithm      string
	keysFile       string
	issuer         string
	audience       string
	maxConcurrent  int
	permitScope    string
	acquireTimeout time.Duration
	lookupDelay    time.Duration
}

// backendConfig describes the backend that is stood in for by a wait.
type backendConfig struct {
	delay          time.Duration
	poolSize       int
	acquireTimeout time.Duration
}

// settingError says which environment variable cannot be used, and why.
type settingError struct {
	variable string
	value    string
	problem  string
}

// Error is one line: the value is quoted, the problem is of our own wording.
func (e *settingError) Error() string {
	return fmt.Sprintf("bad configuration: %s=%q: %s", e.variable, e.value, e.problem)
}

// badFile is the settingError of a variable that names an unusable file.
func badFile(variable, path string, err error) *settingError {
	return &settingError{variable, path, strings.Join(strings.Fields(err.Error()), " ")}
}

// loadConfig reads the environment through getenv, where an empty value counts
// as unset. The error, a *settingError, is the first problem met.
func loadConfig(getenv func(string) string) (config, error) {
	env := environment{getenv: getenv}
	cfg := config{
		bind:         env.host("BIND", "127.0.0.1"),
		port:         env.integer("PORT", 8080, 0, math.MaxUint16),
		cpus:         env.integer("CPUS", runtime.GOMAXPROCS(0), 1, math.MaxInt16),
		routesFile:   env.required("ROUTES_FILE"),
		maxBodyBytes: int64(env.integer("MAX_BODY_BYTES", 65536, 1, math.MaxInt32)),
		auth: authConfig{
			algorithm:      env.choice("AUTH_ALGORITHM", algorithmES256, algorithmRS256, algorithmNone),
			maxConcurrent:  env.integer("AUTH_MAX_CONCURRENT", 50, 1, math.MaxInt32),
			permitScope:    env.choice("AUTH_PERMIT_SCOPE", scopeCheck, scopeRequest),
			acquireTimeout: env.milliseconds("AUTH_ACQUIRE_TIMEOUT_MS", 1000),
			lookupDelay:    env.milliseconds("AUTH_LOOKUP_DELAY_MS", 0),
		},
		backend: backendConfig{
			delay:          env.milliseconds("BACKEND_DELAY_MS", 0),
			poolSize:       env.integer("BACKEND_POOL_SIZE", 16, 1, math.MaxInt32),
			acquireTimeout: env.milliseconds("BACKEND_ACQUIRE_TIMEOUT_MS", 1000),
		},
	}
	if cfg.auth.algorithm != algorithmNone {
		cfg.auth.keysFile = env.required("AUTH_KEYS_FILE")
		cfg.auth.issuer = env.required("AUTH_ISSUER")
		cfg.auth.audience = env.required("AUTH_AUDIENCE")
	}
	if env.problem != nil {
		return config{}, env.problem
	}
	return cfg, nil
}

// environment reads typed values and remembers the first problem, so that the
// list of settings reads as a list.
type environment struct {
	getenv  func(string) string
	problem *settingError
}

func (e *environment) refuse(variable, problem string) {
	if e.problem == nil {
		e.problem = &settingError{variable, e.getenv(variable), problem}
	}
}

func (e *environment) text(variable, fallback string) string {
	if value := e.getenv(variable); value != "" {
		return value
	}
	return fallback
}

func (e *environment) required(variable string) string {
	value := e.getenv(variable)
	if value == "" {
		e.refuse(variable, "must be set")
	}
	return value
}

// choice returns one of allowed, the first of which is the default.
func (e *environment) choice(variable string, allowed ...string) string {
	value := e.text(variable, allowed[0])
	if !slices.Contains(allowed, value) {
		e.refuse(variable, "must be one of "+strings.Join(allowed, ", "))
	}
	return value
}

func (e *environment) integer(variable string, fallback, least, most int) int {
	value, err := strconv.Atoi(e.text(variable, strconv.Itoa(fallback)))
	if err != nil || value < least || value > most {
		e.refuse(variable, fmt.Sprintf("must be an integer from %d to %d", least, most))
	}
	return value
}

func (e *environment) milliseconds(variable string, fallback int) time.Duration {
	return time.Duration(e.integer(variable, fallback, 0, math.MaxInt32)) * time.Millisecond
}

func (e *environment) host(variable, fallback string) string {
	value := e.text(variable, fallback)
	if _, err := net.ResolveIPAddr("ip", value); err != nil {
		e.refuse(variable, "must be an address of this machine")
	}
	return value
}
