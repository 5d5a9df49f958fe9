// Package startstoptest holds the test that every long-lived part passes.
package startstoptest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.dev/internal/startstop"
)

// limit bounds each start and each stop; a service that takes longer fails.
const limit = 30 * time.Second

// Stress checks the contract of [startstop.Service] on fresh services made by
// newService: concurrent starts and stops, stop before start, stop twice.
// Run it under the race detector, in a package whose TestMain checks for leaks.
func Stress(t *testing.T, newService func() startstop.Service) {
	t.Helper()
	for _, part := range []struct {
		name string
		test func(*testing.T, startstop.Service)
	}{
		{"start then stop", startThenStop},
		{"start twice", startTwice},
		{"stop before start", stopBeforeStart},
		{"stop twice", stopTwice},
		{"the end of the start context stops nothing", startContextEnds},
		{"start with an ended context", startEnded},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, newService()) })
	}
	t.Run("concurrent", func(t *testing.T) {
		for range 10 {
			concurrent(t, newService())
		}
	})
}

func startThenStop(t *testing.T, s startstop.Service) {
	ctx := bounded(t)
	if closed(s.Started()) {
		t.Error("Started is closed before Start")
	}
	start(t, ctx, s)
	if !closed(s.Started()) {
		t.Error("Start returned nil but Started is open")
	}
	stop(t, ctx, s)
}

func startTwice(t *testing.T, s startstop.Service) {
	ctx := bounded(t)
	start(t, ctx, s)
	if err := s.Start(ctx); !errors.Is(err, startstop.ErrAlreadyStarted) {
		t.Errorf("second Start: %v, want ErrAlreadyStarted", err)
	}
	stop(t, ctx, s)
}

func stopBeforeStart(t *testing.T, s startstop.Service) {
	ctx := bounded(t)
	stop(t, ctx, s)
	if err := s.Start(ctx); !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start after Stop: %v, want ErrStopped", err)
		stop(t, ctx, s)
	}
	if closed(s.Started()) {
		t.Error("Started is closed though nothing was started")
	}
}

func stopTwice(t *testing.T, s startstop.Service) {
	ctx := bounded(t)
	start(t, ctx, s)
	stop(t, ctx, s)
	stop(t, ctx, s)
	if err := s.Start(ctx); !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("Start after Stop: %v, want ErrStopped", err)
	}
}

func startContextEnds(t *testing.T, s startstop.Service) {
	ctx := bounded(t)
	startCtx, cancel := context.WithCancel(ctx)
	start(t, startCtx, s)
	cancel()
	if d, ok := s.(interface{ Done() <-chan struct{} }); ok && closed(d.Done()) {
		t.Error("the service ended with the context of its start")
	}
	stop(t, ctx, s)
}

func startEnded(t *testing.T, s startstop.Service) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	// Whether it starts is its own choice; it must come back and stop.
	_ = s.Start(ended)
	stop(t, bounded(t), s)
}

// concurrent starts and stops at once from several goroutines: at most one
// Start wins, every call returns, and a last Stop finds it at rest.
func concurrent(t *testing.T, s startstop.Service) {
	t.Helper()
	ctx := bounded(t)
	var wins atomic.Int32
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			<-gate
			if s.Start(ctx) == nil {
				wins.Add(1)
			}
		})
		wg.Go(func() {
			<-gate
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop: %v", err)
			}
		})
	}
	close(gate)
	wg.Wait()
	stop(t, ctx, s)
	if n := wins.Load(); n > 1 {
		t.Errorf("%d Starts returned nil, want at most one", n)
	}
	if d, ok := s.(interface{ Done() <-chan struct{} }); ok && !closed(d.Done()) {
		t.Error("stopped, but Done is open")
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, ctx context.Context, s startstop.Service) {
	t.Helper()
	if err := s.Start(ctx); err != nil {
		t.Fatalf("Start: %v", err)
	}
}

func stop(t *testing.T, ctx context.Context, s startstop.Service) {
	t.Helper()
	if err := s.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v", err)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
