package main

import (
	"context"
	"io/fs"
	"log"
	"os"
	"sync/atomic"
	"time"
)

// liveTable is the routing table in force. Requests read it at any time; one
// goroutine at most (open, then watch) replaces it.
type liveTable struct {
	path    string
	seen    fs.FileInfo // of the file as last read; nil if it could not be
	current atomic.Pointer[routingTable]
}

// openTable reads the table at path for the first time.
func openTable(path string) (*liveTable, error) {
	t := &liveTable{path: path}
	return t, t.reload()
}

// load returns the table in force.
func (t *liveTable) load() *routingTable { return t.current.Load() }

// watch reloads the table whenever hangup receives and whenever, looked at
// each interval, the file is another one than before. It returns when ctx is
// done. A bad new table is logged, and the one in force kept.
func (t *liveTable) watch(ctx context.Context, hangup <-chan os.Signal, interval time.Duration, logger *log.Logger) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		case <-ticker.C:
			if !t.changed() {
				continue
			}
		}
		if err := t.reload(); err != nil {
			logger.Print("routing table kept: ", badFile("ROUTES_FILE", t.path, err).Error())
		}
	}
}

// reload reads the file and swaps the table, or fails and swaps nothing.
func (t *liveTable) reload() error {
	// Looked at before it is read: a change in between is then seen next time.
	t.seen, _ = os.Stat(t.path)
	text, err := os.ReadFile(t.path)
	if err != nil {
		return err
	}
	table, err := parseTable(text)
	if err != nil {
		return err
	}
	t.current.Store(table)
	return nil
}

// changed reports whether the file differs from the one last read in inode,
// size or time. A missing file is a change once.
func (t *liveTable) changed() bool {
	now, _ := os.Stat(t.path)
	if now == nil || t.seen == nil {
		return (now == nil) != (t.seen == nil)
	}
	return !os.SameFile(now, t.seen) || now.Size() != t.seen.Size() || !now.ModTime().Equal(t.seen.ModTime())
}
