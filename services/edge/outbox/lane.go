package outbox

import (
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/schema"
)

// lane is the way of events to one partition.
type lane struct {
	topic     string // without the deployment's prefix
	partition int32

	mu      sync.Mutex
	waiting fifo[waiting]
	backlog atomic.Bool // something waits; for the acknowledging side
	epoch   int64       // 0: none yet, nothing leaves
	last    int64       // sequence of the newest event of this epoch that left

	ackMu    sync.Mutex
	inFlight fifo[flight]
	size     int // bytes in flight
}

type waiting struct {
	Event
	at time.Time // when it was added
}

// since is from when on its age counts.
func (w *waiting) since() time.Time { return w.at.Add(-w.Waited) }

// flight is an event at the producer.
type flight struct {
	since time.Time
	size  int
}

// Window of events at the producer, per lane. It keeps the producer's batches
// full while bounding what can no longer change its epoch.
const (
	windowEvents = 1024
	windowBytes  = 4 << 20
)

// open reports whether another event may leave. The lane's mu is held.
func (l *lane) open() bool {
	if l.epoch == 0 {
		return false
	}
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	return l.inFlight.len() < windowEvents && l.size < windowBytes
}

// stale reports an edge.started of an epoch that is over: under a newer stamp
// it would say of the newer epoch that it is complete.
func (l *lane) stale(ev *Event) bool {
	started, ok := ev.Data.(*schema.EdgeStarted)
	return ok && started.Epoch != l.epoch
}

// stamp takes the next sequence. The lane's mu is held.
func (l *lane) stamp(edge string) schema.Stamp {
	l.last++
	return schema.Stamp{Source: schema.EdgeSource(edge, l.epoch), Sequence: schema.Sequence{Offset: l.last}}
}

// enter begins a new epoch, in which sequences count from 1.
func (l *lane) enter(epoch int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch, l.last = epoch, 0
}

func (l *lane) left(since time.Time, size int) {
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	l.inFlight.push(flight{since, size})
	l.size += size
}

// unleft takes back the newest flight, which the producer refused.
func (l *lane) unleft() {
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	n := len(l.inFlight.items) - 1
	l.size -= l.inFlight.items[n].size
	l.inFlight.items = l.inFlight.items[:n]
}

func (l *lane) landed() {
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	l.size -= l.inFlight.pop().size
}

// oldest is from when on the age of the oldest unacknowledged event counts, zero
// if there is none. The first isn't always the oldest: others may have waited
// elsewhere before.
func (l *lane) oldest() (oldest time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	for _, f := range l.inFlight.all() {
		oldest = earlier(oldest, f.since)
	}
	all := l.waiting.all()
	for i := range all {
		oldest = earlier(oldest, all[i].since())
	}
	return oldest
}

// earlier is the earlier of two times, of which zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// depth is how many events are waiting or in flight.
func (l *lane) depth() (waiting, inFlight int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ackMu.Lock()
	defer l.ackMu.Unlock()
	return l.waiting.len(), l.inFlight.len()
}
