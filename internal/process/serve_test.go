package process_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rollcall.dev/internal/process"
	"rollcall.dev/internal/startstop"
)

type service struct {
	startstop.Runner
	setup func(context.Context) error
	loop  startstop.Loop
}

func (s *service) Start(ctx context.Context) error { return s.Run(ctx, s.setup, s.loop) }

var errBroken = errors.New("broken")

func TestServeStopsWhenToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	drained := false
	s := &service{loop: func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		drained = true
		return nil
	}}
	if err := process.Serve(ctx, s, time.Minute); err != nil || !drained {
		t.Fatalf("drained: %v, error: %v", drained, err)
	}
}

func TestServeTellsWhyAServiceEnded(t *testing.T) {
	failing := func(context.Context) error { return errBroken }
	for name, s := range map[string]*service{"setup": {setup: failing}, "loop": {loop: failing}} {
		if err := process.Serve(t.Context(), s, time.Minute); !errors.Is(err, errBroken) {
			t.Errorf("%s: error %v, want %v", name, err, errBroken)
		}
	}
}

func TestServeBoundsTheDrain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	s := &service{loop: func(context.Context) error {
		cancel()
		<-release
		return nil
	}}
	if err := process.Serve(ctx, s, time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want one about the deadline", err)
	}
	close(release)
	<-s.Done()
}

func TestServeToldToEndWhileStarting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{setup: func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}
	if err := process.Serve(ctx, s, time.Minute); err != nil {
		t.Fatalf("error %v, want an orderly end", err)
	}
}

// A wait may end with the cause of its context's end, which is the signal.
func TestServeInterruptedWhileStarting(t *testing.T) {
	signal := errors.New("interrupt")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &service{setup: func(ctx context.Context) error {
		cancel(signal)
		<-ctx.Done()
		return fmt.Errorf("wait for Kafka: %w", context.Cause(ctx))
	}}
	if err := process.Serve(ctx, s, time.Minute); err != nil {
		t.Fatalf("error %v, want an orderly end", err)
	}
}
