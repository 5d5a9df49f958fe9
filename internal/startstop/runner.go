package startstop

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Loop is the main loop of a service. Its context ends when Stop is called;
// the loop then drains, bounded by [Runner.StopContext], and returns.
// A return before that ends the service, and an error makes it a failure.
type Loop func(ctx context.Context) error

// Runner is the state behind a [Service]: embed it and write only Start.
//
//	func (s *Server) Start(ctx context.Context) error {
//		return s.Run(ctx, s.listen, s.serve)
//	}
//
// The zero value is ready. A Runner must not be copied.
type Runner struct {
	mu       sync.Mutex
	begun    bool // Start was called
	stopping bool // Stop was called
	finished bool

	started chan struct{}
	done    chan struct{}
	err     error // why it failed by itself
	stopErr error // what stopping met

	cancelSetup context.CancelFunc
	cancelLoop  context.CancelFunc
	stopCtx     context.Context
}

// Run implements Start: it calls setup (may be nil) and then starts loop
// (nil: wait for Stop) in a goroutine that Stop waits for.
func (r *Runner) Run(ctx context.Context, setup func(ctx context.Context) error, loop Loop) error {
	setupCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := r.begin(cancel); err != nil {
		return err
	}
	if err := r.runSetup(setupCtx, setup); err != nil {
		r.finish(err, nil)
		return err
	}
	loopCtx, cancelLoop := context.WithCancel(context.WithoutCancel(ctx))
	r.mu.Lock()
	r.cancelLoop = cancelLoop
	if r.stopping {
		// Stop came while setup was ending. The loop still runs, with an
		// ended context: it owns the release of what setup opened.
		cancelLoop()
	}
	close(r.started)
	r.mu.Unlock()
	go r.runLoop(loopCtx, cancelLoop, loop)
	return nil
}

func (r *Runner) begin(cancelSetup context.CancelFunc) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.stopping:
		return ErrStopped
	case r.begun:
		return ErrAlreadyStarted
	}
	r.makeLocked()
	r.begun = true
	r.cancelSetup = cancelSetup
	return nil
}

func (r *Runner) runSetup(ctx context.Context, setup func(ctx context.Context) error) error {
	err := ctx.Err()
	if setup != nil {
		err = setup(ctx)
	}
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return errors.Join(ErrStopped, err)
	}
	return err
}

func (r *Runner) runLoop(ctx context.Context, cancel context.CancelFunc, loop Loop) {
	defer cancel()
	var err error
	if loop != nil {
		err = loop(ctx)
	} else {
		<-ctx.Done()
	}
	if ctx.Err() == nil {
		r.finish(err, nil)
		return
	}
	r.finish(nil, withoutCanceled(err))
}

// withoutCanceled drops context.Canceled, which is how a loop says that it was
// told to stop, but not what a loop has joined to it.
func withoutCanceled(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var kept []error
		for _, e := range joined.Unwrap() {
			kept = append(kept, withoutCanceled(e))
		}
		return errors.Join(kept...)
	}
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (r *Runner) finish(err, stopErr error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeLocked()
	r.finished, r.err, r.stopErr = true, err, stopErr
	close(r.done)
}

// Stop implements [Service].
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	r.makeLocked()
	if !r.stopping {
		r.stopping = true
		r.stopCtx = ctx
	}
	if !r.begun && !r.finished {
		r.finished = true
		close(r.done)
	}
	if r.cancelSetup != nil {
		r.cancelSetup()
	}
	if r.cancelLoop != nil {
		r.cancelLoop()
	}
	r.mu.Unlock()

	select {
	case <-r.done:
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("stop: still running: %w", context.Cause(ctx))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopErr
}

// StopContext is the context of the first Stop, which bounds draining; before
// Stop it is one that never ends.
func (r *Runner) StopContext() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopCtx == nil {
		return context.Background()
	}
	return r.stopCtx
}

// Started implements [Service].
func (r *Runner) Started() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeLocked()
	return r.started
}

// Done is closed when nothing of the service runs any more: it failed, it was
// stopped, or its loop returned.
func (r *Runner) Done() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeLocked()
	return r.done
}

// Err tells, once Done is closed, why the service ended without being told
// to: the error of its setup or its loop. It is nil after an ordinary stop.
func (r *Runner) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *Runner) makeLocked() {
	if r.done == nil {
		r.started = make(chan struct{})
		r.done = make(chan struct{})
	}
}
