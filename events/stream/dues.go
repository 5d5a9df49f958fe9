package stream

import (
	"container/heap"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/stream/fold"
)

// dues are the delays that run in a partition, by the key of the entity that
// waits. Times are durations since the task began, on the monotonic clock.
type dues struct {
	byKey map[string]*due
	queue dueQueue
}

type due struct {
	fold.Due
	key string
	// ripe is when the delay is over, at when to look next.
	ripe, at time.Duration
	// written is of its leave.due, nil before there is one.
	written *written
	index   int
}

// written is the fate of a record that the task has appended to its own input:
// the fold acts when it reads it, so until then there is no need to repeat it.
type written struct{ next atomic.Int64 }

const (
	inFlight = -1
	failed   = -2
)

// pending reports that the record is on its way, or in the log at or behind
// position.
func (w *written) pending(position int64) bool {
	if w == nil {
		return false
	}
	next := w.next.Load()
	return next == inFlight || next > position
}

// lost reports that the record isn't known to be in the log, and won't be.
func (w *written) lost() bool { return w != nil && w.next.Load() == failed }

func (w *written) done(r bus.Result) {
	if r.Err != nil || r.Offset < 0 {
		w.next.Store(failed)
		return
	}
	w.next.Store(r.Offset + 1)
}

// dueID is what a leave.due names: several entities may wait for one.
type dueID struct {
	user, session string
	cause         int64
}

func (d *due) id() dueID { return dueID{d.User, d.Session, d.Cause} }

func newDues() *dues { return &dues{byKey: map[string]*due{}} }

// change arms or disarms. One that is armed anew counts anew.
func (d *dues) change(now time.Duration, c fold.DueChange) {
	if old := d.byKey[c.Key]; old != nil {
		heap.Remove(&d.queue, old.index)
		delete(d.byKey, c.Key)
	}
	if !c.Armed {
		return
	}
	x := &due{Due: c.Due, key: c.Key, ripe: now + c.Due.Delay, at: now + c.Due.Delay}
	d.byKey[c.Key] = x
	heap.Push(&d.queue, x)
}

// next is when to look again, ok false if nothing waits.
func (d *dues) next() (at time.Duration, ok bool) {
	if len(d.queue) == 0 {
		return 0, false
	}
	return d.queue[0].at, true
}

// ripe returns the next one that is to be looked at now.
func (d *dues) ripe(now time.Duration) (*due, bool) {
	if len(d.queue) == 0 || d.queue[0].at > now {
		return nil, false
	}
	return d.queue[0], true
}

// again says when to look the next time: the fold takes a due out once it has
// acted on it.
func (d *dues) again(x *due, at time.Duration) {
	x.at = at
	heap.Fix(&d.queue, x.index)
}

// anew has those looked at again whose record is lost.
func (d *dues) anew(now time.Duration) {
	for _, x := range d.byKey {
		if x.written.lost() {
			x.written, x.at = nil, min(x.at, now)
		}
	}
	heap.Init(&d.queue)
}

// carry takes over how long the same dues have run with the task before, which
// began so much earlier. None is ripe before this task began: what lets a due
// be written is counted from then.
func (d *dues) carry(from *dues, earlier time.Duration) {
	for key, x := range d.byKey {
		if old := from.byKey[key]; old != nil && old.Due == x.Due {
			x.ripe = max(0, old.ripe-earlier)
			x.at = x.ripe
		}
	}
	heap.Init(&d.queue)
}

// dueQueue is a heap by the time to look.
type dueQueue []*due

func (q dueQueue) Len() int           { return len(q) }
func (q dueQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q dueQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}
func (q *dueQueue) Push(x any) {
	d := x.(*due)
	d.index = len(*q)
	*q = append(*q, d)
}
func (q *dueQueue) Pop() any {
	old := *q
	d := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return d
}
