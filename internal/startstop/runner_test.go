package startstop_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

type service struct {
	startstop.Runner
	setup func(ctx context.Context) error
	loop  startstop.Loop
}

func (s *service) Start(ctx context.Context) error { return s.Run(ctx, s.setup, s.loop) }

func TestStress(t *testing.T) {
	t.Run("no setup, no loop", func(t *testing.T) {
		startstoptest.Stress(t, func() startstop.Service { return &service{} })
	})
	t.Run("slow setup, loop that drains", func(t *testing.T) {
		startstoptest.Stress(t, func() startstop.Service {
			s := &service{}
			s.setup = func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Millisecond):
					return nil
				}
			}
			s.loop = func(ctx context.Context) error {
				<-ctx.Done()
				return s.StopContext().Err()
			}
			return s
		})
	})
}

func TestLoopOutlivesStartContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		s := &service{}
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		select {
		case <-s.Done():
			t.Fatal("the end of the start context ended the loop")
		default:
		}
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFailedSetup(t *testing.T) {
	broken := errors.New("port taken")
	s := &service{setup: func(context.Context) error { return broken }}
	if err := s.Start(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("Start: %v", err)
	}
	<-s.Done()
	if !errors.Is(s.Err(), broken) {
		t.Errorf("Err: %v, want the error of the setup", s.Err())
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop after a failed start: %v", err)
	}
}

func TestStopInterruptsSetup(t *testing.T) {
	inSetup := make(chan struct{})
	s := &service{setup: func(ctx context.Context) error {
		close(inSetup)
		<-ctx.Done()
		return ctx.Err()
	}}
	result := make(chan error)
	go func() { result <- s.Start(t.Context()) }()
	<-inSetup
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if err := <-result; !errors.Is(err, startstop.ErrStopped) {
		t.Errorf("interrupted Start: %v, want ErrStopped", err)
	}
}

func TestStopWhileSetupEndsRunsTheLoop(t *testing.T) {
	inSetup, released := make(chan struct{}), false
	s := &service{
		setup: func(ctx context.Context) error {
			close(inSetup)
			<-ctx.Done()
			return nil // it had what it wanted just before the stop
		},
		loop: func(ctx context.Context) error {
			<-ctx.Done()
			released = true
			return nil
		},
	}
	result := make(chan error, 1)
	go func() { result <- s.Start(t.Context()) }()
	<-inSetup
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-result
	if !released {
		t.Error("what setup opened was not released by the loop")
	}
}

func TestFatalError(t *testing.T) {
	broken := errors.New("log truncated")
	fail := make(chan struct{})
	s := &service{loop: func(context.Context) error { <-fail; return broken }}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Err() != nil {
		t.Errorf("Err before the end: %v", s.Err())
	}
	close(fail)
	<-s.Done()
	if !errors.Is(s.Err(), broken) {
		t.Errorf("Err: %v, want %v", s.Err(), broken)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop after a failure: %v; the failure is told by Err", err)
	}
}

func TestStopReportsWhatStoppingMet(t *testing.T) {
	lost := errors.New("3 records not flushed")
	s := &service{loop: func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(ctx.Err(), lost)
	}}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := s.Stop(t.Context())
		if !errors.Is(err, lost) || errors.Is(err, context.Canceled) {
			t.Errorf("Stop: %v, want %v alone", err, lost)
		}
	}
	if s.Err() != nil {
		t.Errorf("Err after a stop: %v", s.Err())
	}
}

func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := &service{}
		s.loop = func(context.Context) error { <-release; return nil }
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s.StopContext().Done() != nil {
			t.Error("StopContext can end before Stop")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := s.Stop(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "still running") {
			t.Errorf("Stop of a hanging loop: %v", err)
		}
		if s.StopContext().Err() == nil {
			t.Error("StopContext has not ended with the context of Stop")
		}
		close(release)
		if err := s.Stop(context.Background()); err != nil {
			t.Errorf("Stop once the loop has returned: %v", err)
		}
	})
}
