package main

import (
	"bytes"
	"context"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const never = time.Hour

// journal is a log that a test may read while it is written.
type journal struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return j.text.Write(line)
}

func (j *journal) lines() int {
	j.mutex.Lock()
	defer j.mutex.Unlock()
	return strings.Count(j.text.String(), "\n")
}

func tableOfVersion(version int) string {
	return strings.Replace(testTable, `"version":1`, `"version":`+strconv.Itoa(version), 1)
}

// watched opens testTable and watches it until the test ends.
func watched(t *testing.T, interval time.Duration) (table *liveTable, hangup chan os.Signal, logged *journal) {
	t.Helper()
	table, err := openTable(writeFile(t, "routes.json", testTable))
	if err != nil {
		t.Fatal(err)
	}
	hangup, logged = make(chan os.Signal), new(journal)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		table.watch(ctx, hangup, interval, log.New(logged, "", 0))
	}()
	t.Cleanup(func() { cancel(); <-done })
	return table, hangup, logged
}

// replace puts a new file in place of the table, by renaming.
func replace(t *testing.T, table *liveTable, text string) {
	t.Helper()
	next := filepath.Join(filepath.Dir(table.path), "next.json")
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, table.path); err != nil {
		t.Fatal(err)
	}
}

func TestHangupReloads(t *testing.T) {
	table, hangup, _ := watched(t, never)
	replace(t, table, tableOfVersion(2))
	if table.load().version != 1 {
		t.Fatal("reloaded unasked")
	}
	hangup <- syscall.SIGHUP
	eventually(t, "version 2", func() bool { return table.load().version == 2 })
}

func TestAChangedFileReloads(t *testing.T) {
	table, _, _ := watched(t, time.Millisecond)
	replace(t, table, tableOfVersion(2))
	eventually(t, "version 2 after a rename", func() bool { return table.load().version == 2 })
	// Another length, so that even a clock that stands still would do.
	if err := os.WriteFile(table.path, []byte(tableOfVersion(30)), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "version 30 after a write", func() bool { return table.load().version == 30 })
}

func TestABadTableIsRefused(t *testing.T) {
	table, hangup, logged := watched(t, never)
	for i, bad := range []string{`{"version":`, `{"version":2,"rules":[]}`, strings.Replace(tableOfVersion(2), `8}`, `0}`, 1)} {
		replace(t, table, bad)
		hangup <- syscall.SIGHUP
		eventually(t, "one line for each", func() bool { return logged.lines() == i+1 })
		if got := table.load().version; got != 1 {
			t.Fatalf("version %d in force after %s", got, bad)
		}
	}
	replace(t, table, tableOfVersion(3))
	hangup <- syscall.SIGHUP
	eventually(t, "a good one again", func() bool { return table.load().version == 3 })
}

func TestAFileThatIsGoneIsLoggedOnce(t *testing.T) {
	table, _, logged := watched(t, time.Millisecond)
	if err := os.Remove(table.path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a line", func() bool { return logged.lines() == 1 })
	replace(t, table, tableOfVersion(2))
	eventually(t, "version 2", func() bool { return table.load().version == 2 })
	if lines := logged.lines(); lines != 1 {
		t.Errorf("%d lines", lines)
	}
}
