package bus

import (
	"context"
	"sync"
)

// ackWindow orders the acknowledgements of one partition: records are handed
// out in offset order, acknowledged in any order, and progress is what is
// acknowledged without a gap. It holds at most size records that are not yet
// behind that line.
type ackWindow struct {
	room chan struct{} // one token per record held

	mu    sync.Mutex
	held  []windowSlot // ring; the oldest at head
	head  int
	count int
	base  uint64 // number of the slot at head, since the beginning
}

type windowSlot struct {
	offset int64
	acked  bool
}

func newAckWindow(size int) *ackWindow {
	size = max(size, 1)
	return &ackWindow{room: make(chan struct{}, size), held: make([]windowSlot, size)}
}

// add takes a record in, waiting for room, and returns its slot.
func (w *ackWindow) add(ctx context.Context, offset int64) (slot uint64, err error) {
	select {
	case w.room <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held[(w.head+w.count)%len(w.held)] = windowSlot{offset: offset}
	w.count++
	return w.base + uint64(w.count) - 1, nil
}

// ack marks a slot, and returns the offset to commit (the next one to read) if
// that moved the line. Marking twice changes nothing. report is called under
// the window's lock, so that commits can't overtake each other.
func (w *ackWindow) ack(slot uint64, report func(next int64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if slot < w.base || slot >= w.base+uint64(w.count) {
		return
	}
	w.held[(w.head+int(slot-w.base))%len(w.held)].acked = true
	next := int64(-1)
	for w.count > 0 && w.held[w.head].acked {
		next = w.held[w.head].offset + 1
		w.head = (w.head + 1) % len(w.held)
		w.count--
		w.base++
		<-w.room
	}
	if next >= 0 {
		report(next)
	}
}
