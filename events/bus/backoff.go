package bus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	backoffMin = 5 * time.Millisecond
	backoffMax = 500 * time.Millisecond
)

// backoff is a doubling pause with jitter.
type backoff struct{ next, max time.Duration }

func newBackoff() backoff { return backoff{next: backoffMin, max: backoffMax} }

// sleep pauses between half of and all of the next step, or returns ctx's
// cause when ctx ends first.
func (b *backoff) sleep(ctx context.Context) error {
	d := b.next/2 + rand.N(b.next/2+1)
	b.next = min(2*b.next, b.max)
	return sleep(ctx, d)
}

// sleep pauses for d, or returns ctx's cause when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
