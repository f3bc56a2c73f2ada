package main

import (
	"context"
	"errors"
	"time"
)

// errNoPermit is returned when no permit came free in time.
var errNoPermit = errors.New("no permit came free in time")

// permits is a bulkhead: it bounds how many do something at once. Those who
// wait are served in the order they came.
type permits struct {
	slots   chan struct{}
	timeout time.Duration
}

// newPermits makes count permits, each waited for no longer than timeout.
func newPermits(count int, timeout time.Duration) *permits {
	return &permits{slots: make(chan struct{}, count), timeout: timeout}
}

// acquire takes a permit. It fails with errNoPermit after the timeout and with
// ctx's error when ctx is done first.
func (p *permits) acquire(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default: // only who has to wait pays for a timer
	}
	timer := time.NewTimer(p.timeout)
	defer timer.Stop()
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errNoPermit
	case <-ctx.Done():
		return ctx.Err()
	}
}

// release gives back a permit that acquire took.
func (p *permits) release() { <-p.slots }

// total is how many permits there are, taken or free.
func (p *permits) total() int { return cap(p.slots) }

// wait returns after d, or with ctx's error when ctx is done first.
func wait(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
