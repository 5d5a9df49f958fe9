package bus

import (
	"context"
	"sync"
)

// budget bounds the records and bytes that a producer holds. Waiters are served
// in the order they came, so a large record is not starved by small ones.
type budget struct {
	mu      sync.Mutex
	records int
	bytes   int
	waiters []*budgetWaiter
	closed  bool

	maxRecords int
	maxBytes   int
}

type budgetWaiter struct {
	bytes int
	ready chan struct{} // closed when served, or when the budget is closed
	ok    bool
}

// acquire takes one record of n bytes, waiting for room until ctx ends. A
// record that is larger than the whole budget fits when nothing else is held.
func (b *budget) acquire(ctx context.Context, n int) error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return ErrClosed
	}
	if len(b.waiters) == 0 && b.fits(n) {
		b.take(n)
		b.mu.Unlock()
		return nil
	}
	w := &budgetWaiter{bytes: n, ready: make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.mu.Unlock()

	select {
	case <-w.ready:
		if !w.ok {
			return ErrClosed
		}
		return nil
	case <-ctx.Done():
		return b.abandon(ctx, w)
	}
}

func (b *budget) fits(n int) bool {
	return b.records == 0 || b.records < b.maxRecords && b.bytes+n <= b.maxBytes
}

func (b *budget) take(n int) {
	b.records++
	b.bytes += n
}

// abandon withdraws a waiter, giving back what it may just have been served.
func (b *budget) abandon(ctx context.Context, w *budgetWaiter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.ok {
		b.records--
		b.bytes -= w.bytes
	} else {
		for i, other := range b.waiters {
			if other == w {
				b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
				break
			}
		}
	}
	b.serve()
	return context.Cause(ctx)
}

// release gives records of n bytes together back.
func (b *budget) release(records, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records -= records
	b.bytes -= n
	b.serve()
}

func (b *budget) serve() {
	for len(b.waiters) > 0 && b.fits(b.waiters[0].bytes) {
		w := b.waiters[0]
		b.waiters[0] = nil
		b.waiters = b.waiters[1:]
		b.take(w.bytes)
		w.ok = true
		close(w.ready)
	}
}

// close refuses waiters and everybody after them.
func (b *budget) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, w := range b.waiters {
		close(w.ready)
	}
	b.waiters = nil
}

func (b *budget) held() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.records
}
