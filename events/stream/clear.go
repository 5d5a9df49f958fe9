package stream

import (
	"fmt"
	"time"

	"rollcall.dev/events/stream/fold"
)

// wait is a task that wants to know when what lies before a time is clear.
type wait struct {
	until time.Time
	wake  func()
}

// clear is the time up to which returns are in the log, the zero time if that
// isn't known of any; see lease.Table.Clear. Trusted is since when own
// heartbeats come back, zero while they don't.
func (m *monitor) clear() (upTo, trusted time.Time, why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	upTo, why = m.clearance()
	if since, ok := m.table.Trusted(); ok {
		trusted = m.begin.Add(since)
	}
	return upTo, trusted, why
}

// clearance is clear with mu held. An edge that has not answered a verdict may
// have lost a return, or it stands under an epoch that is over: it tells of it
// under its next epoch.
func (m *monitor) clearance() (time.Time, error) {
	if v := m.pending(); len(v) > 0 {
		return time.Time{}, fmt.Errorf("edge %s has not answered that epoch %d is over (%s)", v[0].Edge, v[0].Epoch, v[0].Verdict)
	}
	upTo, why := m.table.Clear(m.now())
	if upTo < 0 {
		return time.Time{}, why
	}
	return m.begin.Add(upTo), why
}

// await has the task of a partition woken when what lies before until is clear,
// and asks the edges for their next beats.
func (m *monitor) await(partition int32, until time.Time, wake func()) {
	m.mu.Lock()
	m.waits[partition] = wait{until, wake}
	m.mu.Unlock()
	m.ask()
}

func (m *monitor) ask() {
	select {
	case m.asks <- struct{}{}:
	default:
	}
}

// served wakes those whose wait is over, after heartbeats were taken.
func (m *monitor) served() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waits) == 0 {
		return
	}
	upTo, _ := m.clearance()
	for p, w := range m.waits {
		if !w.until.After(upTo) {
			w.wake()
			delete(m.waits, p)
		}
	}
}

// isOver reports that the lease of an epoch has run out and that nothing was
// heard since.
func (m *monitor) isOver(ee fold.EdgeEpoch) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.over[ee]
}
