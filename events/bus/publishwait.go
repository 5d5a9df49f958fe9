package bus

import (
	"context"
	"fmt"
	"sync/atomic"
)

// PublishWait publishes records and waits until all are acknowledged. On an
// error some may be in the log: the results then say which are known to be.
// A record that is refused for itself (RecordRefused) keeps no other back. When
// ctx ends, those under way have an unknown outcome (ErrUnknownOutcome).
func (p *Producer) PublishWait(ctx context.Context, recs ...Record) ([]Result, error) {
	if len(recs) == 1 {
		return p.publishOne(ctx, recs[0])
	}
	w := &waiter{results: make([]Result, len(recs)), ready: make(chan struct{}, 1)}
	w.left.Store(int32(len(recs)) + 1)
	for i := range recs {
		if err := p.Publish(ctx, recs[i], w.done(i)); err != nil {
			if RecordRefused(err) {
				w.done(i)(Result{Partition: recs[i].Partition, Offset: -1, Err: err})
				continue
			}
			for j := i; j < len(recs); j++ {
				w.done(j)(Result{Partition: recs[j].Partition, Offset: -1, Err: err})
			}
			break
		}
	}
	w.finish()
	select {
	case <-w.ready:
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
	for _, r := range w.results {
		if r.Err != nil {
			return w.results, r.Err
		}
	}
	return w.results, nil
}

// waiter gathers the results of one PublishWait.
type waiter struct {
	results []Result
	left    atomic.Int32
	ready   chan struct{}
}

func (w *waiter) done(i int) func(Result) {
	return func(r Result) {
		w.results[i] = r
		w.finish()
	}
}

func (w *waiter) finish() {
	if w.left.Add(-1) == 0 {
		w.ready <- struct{}{}
	}
}

// single waits for one record, and is used again.
type single struct {
	ready chan Result
	done  func(Result)
}

// newSingle is for a pool of each producer: in tests under fake time a channel
// belongs to the bubble that made it.
func newSingle() any {
	s := &single{ready: make(chan Result, 1)}
	s.done = func(r Result) { s.ready <- r }
	return s
}

func (p *Producer) publishOne(ctx context.Context, rec Record) ([]Result, error) {
	s := p.singles.Get().(*single)
	if err := p.Publish(ctx, rec, s.done); err != nil {
		p.singles.Put(s)
		return []Result{{Partition: rec.Partition, Offset: -1, Err: err}}, err
	}
	select {
	case r := <-s.ready:
		p.singles.Put(s)
		return []Result{r}, r.Err
	case <-ctx.Done(): // s stays with the record under way
		return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
}
