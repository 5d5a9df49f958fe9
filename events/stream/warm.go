package stream

import (
	"context"
	"slices"
	"sync"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/stream/fold"
)

// kept is the state of a partition between two claims: every rebalance takes
// all partitions away, and gives most of them back to who had them. It is what
// a restore would give, as long as nobody has written to the changelog since.
type kept struct {
	machine *fold.Machine
	// writer wrote the changelog up to end, and knows how all its writes ended.
	writer *bus.FencedWriter
	end    int64
	// dues have run since began; they go on, so that rebalances one after the
	// other don't put leaves off again and again.
	dues  *dues
	began time.Time
}

// keep is what outlives a claim that ended with everything flushed, nil if the
// changelog has more than this task has written to it.
func (t *task) keep() *kept {
	if t.end < 0 {
		return nil
	}
	return &kept{machine: t.machine, writer: t.writer, end: t.end, dues: t.dues, began: t.began}
}

// recall makes the kept state the task's, if it is still the partition's.
// Another owner would have raised the epoch of the changelog's writer and put
// its marker before ours. Either would do while the log is whole; a changelog
// that was cut back, or made anew, could have its end at the same offset.
func (t *task) recall(marker int64) bool {
	k := t.kept
	t.kept = nil
	if k == nil || !t.writer.Continues() || marker != k.end {
		return false
	}
	t.adopt(k.machine)
	t.recalled = k
	return true
}

// wrote follows the end of the changelog.
func (t *task) wrote(at int64, records int) {
	if t.end < 0 || at != t.end {
		t.end = -1 // there is something of somebody else, or nobody knows
		return
	}
	t.end += int64(records)
}

// overtime is a context for the writes of a take-over. It outlives ctx by the
// grace, unless whoever stops the service has no patience left: so none is in
// flight when the partition is given back.
func (t *task) overtime(ctx context.Context) (context.Context, context.CancelFunc) {
	writes, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(flushGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-t.patience().Done():
		case <-writes.Done():
		}
		cancel()
	})
	return writes, func() { stop(); cancel() }
}

// shelf holds what is kept between two generations of the group, by partition.
type shelf struct {
	mu   sync.Mutex
	kept map[int32]*kept
}

func newShelf() *shelf { return &shelf{kept: map[int32]*kept{}} }

func (s *shelf) put(partition int32, k *kept) {
	if k == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[partition] = k
}

// take returns what is kept of a partition, nil for nothing.
func (s *shelf) take(partition int32) *kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[partition]
	delete(s.kept, partition)
	return k
}

// retain drops all but these partitions: others have them now.
func (s *shelf) retain(partitions []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.kept {
		if !slices.Contains(partitions, p) {
			delete(s.kept, p)
		}
	}
}
