package main

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestPermitsRunOutAndComeBack(t *testing.T) {
	ctx := context.Background()
	p := newPermits(2, 0)
	for range p.total() {
		if err := p.acquire(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.acquire(ctx); !errors.Is(err, errNoPermit) {
		t.Fatalf("a permit too many: %v", err)
	}
	p.release()
	if err := p.acquire(ctx); err != nil {
		t.Errorf("after a release: %v", err)
	}
}

func TestWaitingForAPermit(t *testing.T) {
	p := newPermits(1, patience)
	if err := p.acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	acquired := make(chan error)
	go func() { acquired <- p.acquire(context.Background()) }()
	select {
	case err := <-acquired:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	p.release()
	if err := <-acquired; err != nil {
		t.Errorf("waited in vain: %v", err)
	}
}

func TestACallerWhoLeavesStopsWaiting(t *testing.T) {
	p := newPermits(1, patience)
	if err := p.acquire(context.Background()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := wait(ctx, patience); !errors.Is(err, context.Canceled) {
		t.Errorf("wait returned %v", err)
	}
}
