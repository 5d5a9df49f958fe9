package teardown_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/internal/teardown"
)

func TestLastInFirstOut(t *testing.T) {
	var stack teardown.Stack
	var order []string
	for _, name := range []string{"client", "group", "server"} {
		stack.AddClose(name, func() error { order = append(order, name); return nil })
	}
	if err := stack.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []string{"server", "group", "client"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if err := stack.Run(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("second Run: %v, %d steps run in all, want 3", err, len(order))
	}
}

func TestErrorsAreJoinedAndNamed(t *testing.T) {
	first, last := errors.New("broken pipe"), errors.New("unflushed")
	var stack teardown.Stack
	stack.AddClose("client", func() error { return first })
	stack.AddClose("cache", func() error { return nil })
	stack.AddClose("publisher", func() error { return last })
	err := stack.Run(t.Context())
	if !errors.Is(err, first) || !errors.Is(err, last) {
		t.Fatalf("Run: %v, want both errors", err)
	}
	if want := "publisher: unflushed\nclient: broken pipe"; err.Error() != want {
		t.Errorf("Run: %q, want %q", err, want)
	}
}

func TestHangingStepIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var ran bool
		var stack teardown.Stack
		stack.Add("socket", func(ctx context.Context) error {
			ran = true
			return nil
		})
		stack.Add("broker", func(context.Context) error { <-release; return nil })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		begun := time.Now()
		err := stack.Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "broker: ") {
			t.Errorf("Run: %v, want the broker's deadline", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("Run took %v with a bound of 1 s", took)
		}
		if !ran {
			t.Error("the step below the hanging one was skipped")
		}
	})
}

func TestStepThatObeysTheContextIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stack teardown.Stack
		stack.Add("drain", func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(10 * time.Millisecond)
			return errors.New("2 sessions cut off")
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := stack.Run(ctx); err == nil || err.Error() != "drain: 2 sessions cut off" {
			t.Errorf("Run: %v, want the step's own error", err)
		}
	})
}

func TestConcurrentRunsShareTheSteps(t *testing.T) {
	var stack teardown.Stack
	var mu sync.Mutex
	count := 0
	for range 100 {
		stack.AddClose("step", func() error { mu.Lock(); defer mu.Unlock(); count++; return nil })
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = stack.Run(t.Context()) })
	}
	wg.Wait()
	if count != 100 {
		t.Errorf("%d steps run, want 100, each once", count)
	}
}
