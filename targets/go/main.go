// Command message-router authenticates messages and routes them by topic: the
// same service as its sibling targets, written as ordinary Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

const (
	exitFailure          = 1
	exitBadConfiguration = 2

	drainTimeout       = 10 * time.Second
	readHeaderTimeout  = 10 * time.Second
	maxHeaderBytes     = 32 << 10
	reloadPollInterval = 500 * time.Millisecond
)

func main() {
	stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)

	err := run(stop, os.Getenv, reload, os.Stdout, os.Stderr)
	var bad *settingError
	switch {
	case err == nil:
		return
	case errors.As(err, &bad):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitBadConfiguration)
	default:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailure)
	}
}

// run serves until stop is done, then finishes what is in flight. Each value
// received from reload has the routing table read anew. The error is a
// *settingError when the configuration is at fault.
func run(stop context.Context, getenv func(string) string, reload <-chan os.Signal, stdout, stderr io.Writer) error {
	cfg, err := loadConfig(getenv)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(cfg.cpus)

	logger := log.New(stderr, "", log.LstdFlags|log.LUTC)
	app, err := newApp(cfg)
	if err != nil {
		return err
	}
	go app.table.watch(stop, reload, reloadPollInterval, logger)

	listener, err := listen(stop, cfg.bind, cfg.port)
	if err != nil {
		return err
	}
	unused := newUnusedConnections()
	server := &http.Server{
		Handler:           app.routes(),
		ErrorLog:          logger,
		MaxHeaderBytes:    maxHeaderBytes,
		ReadHeaderTimeout: readHeaderTimeout,
		// "OPTIONS *" names no path of ours: a 404 like any other.
		DisableGeneralOptionsHandler: true,
		ConnState:                    unused.track,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(stdout, "listening on %s\n", listener.Addr())

	select {
	case err := <-served:
		return err
	case <-stop.Done():
		return drain(server, unused, logger)
	}
}

// listen opens the listening socket. Its backlog is net.core.somaxconn, which
// is what Go always asks for. The error is a *settingError.
func listen(ctx context.Context, bind string, port int) (net.Listener, error) {
	var lc net.ListenConfig
	// Go listens with Multipath TCP where the kernel has it; every accepted
	// connection then pays for a protocol that nobody here speaks.
	lc.SetMultipathTCP(false)
	portText := strconv.Itoa(port)
	listener, err := lc.Listen(ctx, "tcp", net.JoinHostPort(bind, portText))
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, &settingError{"BIND", bind, "is no address of this machine"}
	case err != nil:
		return nil, &settingError{"PORT", portText, err.Error()}
	}
	return listener, nil
}

// drain stops accepting and waits for the requests in flight, at most
// drainTimeout. Being stopped is no failure, even if some had to be cut off.
func drain(server *http.Server, unused *unusedConnections, logger *log.Logger) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	server.RegisterOnShutdown(unused.close)
	if err := server.Shutdown(ctx); err != nil {
		logger.Printf("requests still in flight after %s: closing their connections", drainTimeout)
		return server.Close()
	}
	return nil
}
