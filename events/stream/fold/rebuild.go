package fold

import (
	"bytes"
	"encoding/json"
	"strings"

	"rollcall.dev/events/schema"
)

// Rebuild is a reading of the log from its start that isn't over.
type Rebuild struct {
	// From is where the log began.
	From int64 `json:"from"`
	// Told: what follows from the inputs below it stands in the topics already.
	Told int64 `json:"told"`
}

// told reports that what follows from an input was written when it was read
// for the first time.
func (m *Machine) told(offset int64) bool {
	return m.task.Rebuild != nil && offset < m.task.Rebuild.Told
}

// Rebuilder makes a machine that has nothing and begins at the start of the
// log, in place of the state in a changelog. Of that it takes which keys there
// are, and from the runtime's own record what readers have been told:
//
//   - The incarnation stays, so the stamps do. What follows from the inputs up to
//     the former position is in the topics, all of it, for outputs come before
//     the flush; it isn't written again. What follows from the later ones may be
//     there in part: it is written under the stamps it had, and who has it drops
//     it. So nobody hears of history as news, however the state comes out.
//   - An edge that is met in the middle of its sequence, for the log's head is
//     gone, has no gap there. Its sessions are known by their re-announcements.
//   - If the runtime's own record can't be read, or names a position that the log
//     doesn't have, the incarnation is new, and readers hear the log's whole
//     history: then what has changed meanwhile is told them again.
//
// The first flush takes all former keys out of the changelog and has the new
// position, wholly or not at all: a crash before it leaves the former state, and
// whoever takes over after it goes on with the rebuild.
type Rebuilder struct {
	fold      Fold
	partition int32
	keys      map[string]struct{}
	deleted   map[string]struct{} // keys whose deletion stands there
	own       map[string]Change
}

// NewRebuilder returns one for the changelog of a partition.
func NewRebuilder(f Fold, partition int32) *Rebuilder {
	return &Rebuilder{fold: f, partition: partition, keys: map[string]struct{}{}, deleted: map[string]struct{}{}, own: map[string]Change{}}
}

// Add takes the next record of the changelog.
func (r *Rebuilder) Add(c Change) {
	delete(r.keys, c.Key)
	delete(r.deleted, c.Key)
	delete(r.own, c.Key)
	switch {
	case c.Value == nil:
	case isDeletion(c.Value):
		r.deleted[c.Key] = struct{}{}
	case strings.HasPrefix(c.Key, runtimePrefix):
		c.Value = bytes.Clone(c.Value)
		r.own[c.Key] = c
	default:
		r.keys[c.Key] = struct{}{}
	}
}

// Machine returns the machine, for a log that begins at from and ends before
// end. The incarnation is for one that can't stay as it is, the delays hold
// where the log names no owner yet. Redo is as of [Restorer.Machine].
func (r *Rebuilder) Machine(from, end int64, incarnation string, d schema.Delays, limit int) (m *Machine, redo [][]Change) {
	m = NewMachine(r.fold, r.partition)
	m.Begin(incarnation, from)
	m.Presume(d)
	if former, ok := r.former(); ok {
		if pending, err := pendingRedo(r.own, former.Redo); err == nil && len(pending) > 0 {
			redo = split(pending, limit)
			for _, c := range pending {
				r.Add(c)
			}
		}
		m.follow(former, from, end)
	}
	r.discard(m)
	return m, redo
}

// former is the runtime's own record, if it can be understood.
func (r *Rebuilder) former() (t Task, ok bool) {
	record, ok := r.own[KeyTask]
	if !ok || json.Unmarshal(record.Value, &t) != nil {
		return Task{}, false
	}
	return t, t.Fold == r.fold.Name() && t.Partition == r.partition && t.Incarnation != ""
}

// follow takes what a rebuild keeps. The owner is kept where it was that of the
// log's start already: its dues in the log are valid.
func (m *Machine) follow(former Task, from, end int64) {
	m.task.Flushes = former.Flushes
	if former.Position > end {
		return
	}
	m.task.Incarnation = former.Incarnation
	m.task.Rebuild = &Rebuild{From: from, Told: former.Position}
	if former.Rebuild != nil {
		m.task.Rebuild.Told = max(former.Position, former.Rebuild.Told)
	}
	if former.Owner.Epoch < from {
		m.task.Owner = former.Owner
	}
}

// discard has the next flush take out of the changelog what was in it.
func (r *Rebuilder) discard(m *Machine) {
	for key := range r.keys {
		m.dirty[key] = nil
	}
	for key := range r.deleted {
		m.tombstones[key] = struct{}{}
	}
	for key := range r.own {
		switch {
		case strings.HasPrefix(key, prefixRedo):
			m.redoKeys = max(m.redoKeys, redoNumber(key)+1)
		case strings.HasPrefix(key, prefixEdge), strings.HasPrefix(key, prefixSrc):
			m.touched[key] = struct{}{}
		}
	}
}

// rebuilt ends the rebuild that has caught up.
func (m *Machine) rebuilt() {
	if m.task.Rebuild != nil && m.task.Position >= m.task.Rebuild.Told {
		m.task.Rebuild = nil
	}
}
