package stream

import (
	"fmt"
	"sync"
	"time"
)

const (
	// stuckAfter is when a partition that has something to do and gets nowhere
	// isn't ready, slowFlush when one flush takes too long.
	stuckAfter = 30 * time.Second
	slowFlush  = 10 * time.Second
)

// progress is how far a partition gets, over all take-overs of one claim: a
// partition that fails at the same place again and again looks well in between.
type progress struct {
	mu sync.Mutex
	// position is the next input offset after the last flush, moved when it
	// last grew or there was last nothing to do.
	position int64
	moved    time.Time
	resting  bool
	// flushing is when the flush in flight began, zero without one.
	flushing time.Time
	// failed is what the last take-over ended with, at this position.
	failed error
}

func newProgress(now time.Time) *progress { return &progress{position: -1, moved: now} }

// begin takes the start of a flush, and flushed its end.
func (p *progress) begin(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing = now
}

func (p *progress) flushed(position int64, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing = time.Time{}
	if position > p.position {
		p.position, p.moved, p.failed = position, now, nil
	}
}

// rest takes whether everything that was read is folded and flushed.
func (p *progress) rest(resting bool, now func() time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resting != resting {
		p.resting, p.moved = resting, now()
	}
}

// end takes the end of a take-over.
func (p *progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flushing, p.failed = time.Time{}, err
	if p.resting {
		p.resting, p.moved = false, time.Now()
	}
}

// stuck says why the partition doesn't get on, nil if it does.
func (p *progress) stuck(now time.Time, lag int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := now.Sub(p.moved)
	switch {
	case !p.resting && since > stuckAfter && p.failed != nil:
		return fmt.Errorf("has been at offset %d for %v, with %d records behind it; it last stopped at: %w", p.position, since.Round(time.Second), lag, p.failed)
	case !p.resting && since > stuckAfter:
		return fmt.Errorf("has been at offset %d for %v, with %d records behind it", p.position, since.Round(time.Second), lag)
	case !p.flushing.IsZero() && now.Sub(p.flushing) > slowFlush:
		return fmt.Errorf("has had a flush in flight for %v", now.Sub(p.flushing).Round(time.Second))
	}
	return nil
}
