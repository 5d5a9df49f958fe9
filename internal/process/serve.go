package process

import (
	"context"
	"errors"
	"time"

	"rollcall.dev/internal/startstop"
)

// Service is what [Serve] runs: an app.
type Service interface {
	startstop.Service
	// Done is closed when nothing of the service runs any more, Err then
	// tells why it ended by itself.
	Done() <-chan struct{}
	Err() error
}

// Serve starts a service and stops it when ctx ends, which is an orderly end
// also while it starts. The service gets drain to finish what it has begun.
func Serve(ctx context.Context, s Service, drain time.Duration) error {
	if err := s.Start(ctx); err != nil {
		if interrupted(ctx, err) {
			return nil
		}
		return err
	}
	select {
	case <-ctx.Done():
	case <-s.Done():
		return s.Err()
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	return s.Stop(limit)
}

// interrupted tells the end that ctx asked for from a failure at the same
// time. A wait may end with the context's cause: the signal.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}
