// Package teardown releases what was acquired, last in, first out. Register a
// step right after the line that creates what it releases.
package teardown

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// spare is what a step gets to return in once the context has ended: enough
// for one that looks at its context, and the bound for one that doesn't.
const spare = 250 * time.Millisecond

// Stack is a list of named steps. The zero value is ready.
type Stack struct {
	mu    sync.Mutex
	steps []step
}

type step struct {
	name string
	run  func(ctx context.Context) error
}

// Add puts a step on top of the stack. Its name appears in errors.
func (s *Stack) Add(name string, run func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name, run})
}

// AddClose puts a step that needs no context on top of the stack.
func (s *Stack) AddClose(name string, closeFn func() error) {
	s.Add(name, func(context.Context) error { return closeFn() })
}

// Run takes all steps off the stack and runs them, the last added first, each
// after the one before has returned. No step is skipped: an error doesn't
// keep the next from running, and neither does the end of ctx, but then a step
// that doesn't return soon is left behind and reported. Errors are joined,
// each under the name of its step. A second Run finds nothing to do.
func (s *Stack) Run(ctx context.Context) error {
	s.mu.Lock()
	steps := s.steps
	s.steps = nil
	s.mu.Unlock()

	var errs []error
	for i := len(steps) - 1; i >= 0; i-- {
		if err := steps[i].do(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", steps[i].name, err))
		}
	}
	return errors.Join(errs...)
}

func (s step) do(ctx context.Context) error {
	result := make(chan error, 1)
	go func() { result <- s.run(ctx) }()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	late := time.NewTimer(spare)
	defer late.Stop()
	select {
	case err := <-result:
		return err
	case <-late.C:
		return fmt.Errorf("still busy, left behind: %w", context.Cause(ctx))
	}
}
