package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// started runs the service and returns its address, what stops it, and what it
// returns in the end.
func started(t *testing.T, s settings) (address string, stop context.CancelFunc, result <-chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, s.with("PORT", "0").getenv, make(chan os.Signal), writer, io.Discard)
		_ = writer.CloseWithError(io.EOF)
		done <- err
	}()
	const announcement = "listening on "
	line := make([]byte, 100)
	n, err := reader.Read(line)
	if err != nil || !strings.HasPrefix(string(line[:n]), announcement) {
		t.Fatalf("it said %q (%v)", line[:n], err)
	}
	return strings.TrimSpace(strings.TrimPrefix(string(line[:n]), announcement)), stop, done
}

func TestARequestInFlightIsFinished(t *testing.T) {
	address, stop, result := started(t, openSettings(t))
	c := dial(t, address)
	// It is in flight from the first byte on: the "100 Continue" tells that
	// the handler waits for the body.
	c.write("POST /v1/messages/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
		"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
	if response := c.read(http.MethodPost); response.StatusCode != http.StatusContinue {
		t.Fatalf("status %d, want 100", response.StatusCode)
	}
	stop()
	eventually(t, "nobody new is let in", func() bool {
		response, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			_ = response.Body.Close()
		}
		return err != nil
	})
	c.write(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(testMessage), testMessage))
	if response := c.read(http.MethodPost); response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	if err := <-result; err != nil {
		t.Errorf("ended with %v", err)
	}
}

// Left to itself, net/http would wait five seconds for a first request.
func TestAnUnusedConnectionDelaysNoStop(t *testing.T) {
	address, stop, result := started(t, openSettings(t))
	c := dial(t, address)
	// Another one is served, so this one has been accepted before it.
	response, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(4 * time.Second)); err != nil {
		t.Fatal(err)
	}
	stop()
	if n, err := c.conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read %d bytes, %v; want the end", n, err)
	}
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestRunReportsBadConfiguration(t *testing.T) {
	s := openSettings(t).with("CPUS", "none")
	err := run(context.Background(), s.getenv, nil, io.Discard, io.Discard)
	checkSettingError(t, err, "CPUS", "none")
}

func TestRunReportsATakenPort(t *testing.T) {
	address, stop, result := started(t, openSettings(t))
	port := address[strings.LastIndexByte(address, ':')+1:]
	err := run(context.Background(), openSettings(t).with("PORT", port).getenv, nil, io.Discard, io.Discard)
	checkSettingError(t, err, "PORT", port)
	stop()
	if err := <-result; err != nil {
		t.Error(err)
	}
}
