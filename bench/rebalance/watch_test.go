package rebalance

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// watch follows how far each partition is folded, by whichever instance.
type watch struct {
	mu        sync.Mutex
	instances []*instance
	seen      [partitions]struct {
		position int64
		since    time.Time
		pause    time.Duration // the longest since the last reset
		owner    *instance
	}
}

// look is how often positions are read: a pause is right to about that and the
// time between two events.
const look = 2 * time.Millisecond

func (w *watch) run(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(time.Now())
		}
	}
}

func (w *watch) look(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.seen {
		s := &w.seen[p]
		for _, i := range w.instances {
			if at, ok := i.Position(int32(p)); ok && at > s.position {
				if !s.since.IsZero() {
					s.pause = max(s.pause, now.Sub(s.since))
				}
				s.position, s.since, s.owner = at, now, i
			}
		}
	}
}

// use says which instances there are from now on.
func (w *watch) use(instances ...*instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instances = slices.Clone(instances)
}

// pauses of a rebalance, of partitions that stayed and that moved.
type pauses struct{ stayed, moved []time.Duration }

// during does something that makes the group rebalance, and returns how long
// each partition wasn't folded once it has settled.
func (w *watch) during(b *testing.B, do func()) (got pauses) {
	b.Helper()
	var before [partitions]*instance
	w.mu.Lock()
	for p := range w.seen {
		w.seen[p].pause, before[p] = 0, w.seen[p].owner
	}
	w.mu.Unlock()
	do()
	w.settle(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.seen {
		if s := &w.seen[p]; s.owner == before[p] {
			got.stayed = append(got.stayed, s.pause)
		} else {
			got.moved = append(got.moved, s.pause)
		}
	}
	return got
}

// settle waits until each instance runs its share, and each partition has been
// folded since.
func (w *watch) settle(b *testing.B) {
	b.Helper()
	var shared time.Time
	for began := time.Now(); ; time.Sleep(look) {
		if time.Since(began) > 60*time.Second {
			b.Fatal("the group doesn't settle")
		}
		w.mu.Lock()
		if !w.shared() {
			shared = time.Time{}
		} else if shared.IsZero() {
			shared = time.Now()
		}
		done := !shared.IsZero()
		for p := range w.seen {
			done = done && w.seen[p].since.After(shared)
		}
		w.mu.Unlock()
		if done {
			return
		}
	}
}

func (w *watch) shared() bool {
	least, most, all := partitions, 0, 0
	for _, i := range w.instances {
		n := len(i.Owned())
		least, most, all = min(least, n), max(most, n), all+n
	}
	return all == partitions && most <= least+1
}
