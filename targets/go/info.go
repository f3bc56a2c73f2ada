package main

import (
	"cmp"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	contractVersion = 1
	routerModule    = "github.com/gorilla/mux"
	jwtModule       = "github.com/golang-jwt/jwt/v5"
	jsonModule      = "github.com/go-json-experiment/json"
)

// info is what /info tells about the running service.
type info struct {
	Target           string      `json:"target"`
	Language         string      `json:"language"`
	Contract         int         `json:"contract"`
	Runtime          component   `json:"runtime"`
	Framework        component   `json:"framework"`
	PIDs             []int       `json:"pids"`
	CPUs             int         `json:"cpus"`
	Workers          int         `json:"workers"` // threads that run Go code at once
	Permits          int         `json:"permits"`
	PoolSize         int         `json:"pool_size"`
	TableVersion     int         `json:"table_version"`
	Algorithm        string      `json:"algorithm"`
	JWTProvider      string      `json:"jwt_provider"`
	Payload          string      `json:"payload"`
	MessagesAnswered int64       `json:"messages_answered"`
	Details          infoDetails `json:"details"`
}

type component struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// infoDetails is what only a Go service has to tell.
type infoDetails struct {
	JSON             component `json:"json"`
	GOGC             string    `json:"gogc"`
	GOMEMLIMIT       string    `json:"gomemlimit"`
	SystemMaxBacklog int       `json:"system_max_backlog,omitempty"`
}

func (a *app) info() info {
	versions := moduleVersions()
	return info{
		Target:           "go",
		Language:         "Go",
		Contract:         contractVersion,
		Runtime:          component{"go", strings.TrimPrefix(runtime.Version(), "go")},
		Framework:        component{"gorilla/mux", versions[routerModule]},
		PIDs:             []int{os.Getpid()},
		CPUs:             a.config.cpus,
		Workers:          runtime.GOMAXPROCS(0),
		Permits:          a.config.auth.maxConcurrent,
		PoolSize:         a.backend.total(),
		TableVersion:     a.table.load().version,
		Algorithm:        a.config.auth.algorithm,
		JWTProvider:      jwtProvider(a.config.auth.algorithm, versions[jwtModule]),
		Payload:          "raw",
		MessagesAnswered: a.answered.Load(),
		Details: infoDetails{
			JSON:             component{"go-json-experiment/json", versions[jsonModule]},
			GOGC:             cmp.Or(os.Getenv("GOGC"), "100"),
			GOMEMLIMIT:       cmp.Or(os.Getenv("GOMEMLIMIT"), "off"),
			SystemMaxBacklog: systemMaxBacklog(),
		},
	}
}

func jwtProvider(algorithm, version string) string {
	switch algorithm {
	case algorithmES256:
		return "golang-jwt/jwt v" + version + " (crypto/ecdsa)"
	case algorithmRS256:
		return "golang-jwt/jwt v" + version + " (crypto/rsa)"
	}
	return "none"
}

// moduleVersions returns the versions, without the "v", that were linked in.
func moduleVersions() map[string]string {
	versions := make(map[string]string)
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, module := range build.Deps {
			versions[module.Path] = strings.TrimPrefix(module.Version, "v")
		}
	}
	return versions
}

// systemMaxBacklog is the kernel's limit, which Go asks for when it listens,
// or 0 where it cannot be read.
func systemMaxBacklog() int {
	text, _ := os.ReadFile("/proc/sys/net/core/somaxconn")
	limit, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return limit
}
