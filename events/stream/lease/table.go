package lease

import (
	"cmp"
	"slices"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// Config of a table. All durations are above 0.
type Config struct {
	// Lease is how long an edge may be silent.
	Lease time.Duration
	// Interval is that of heartbeats, an edge's and one's own.
	Interval time.Duration
	// Hold is how long an expiry of many edges at once is put off.
	Hold time.Duration
}

const (
	// breakerEdges is the least number of edges for which expiries are held.
	breakerEdges = 4
	// lateBeats, in intervals, is when an own heartbeat is late.
	lateBeats = 2
	// unseen is when an edge without a lease is dropped from the table.
	unseen = 10 * time.Minute
)

// Edge is what is known of an edge by its heartbeats.
type Edge struct {
	Edge string
	// Last is its last heartbeat, and Seen when it was heard.
	Last schema.Heartbeat
	Seen time.Duration
	// Clear is up to when all its events are known to be in the log.
	Clear time.Duration
	// Expired: its last known epoch has run out, and nothing newer was heard.
	Expired bool
}

// Table of leases. Not safe for concurrent use. Times (now) only grow.
type Table struct {
	cfg    Config
	leases map[fold.EdgeEpoch]*held
	edges  map[string]*Edge
	named  map[int32][]fold.EdgeEpoch
	canary canary
	proofs []proof // by offset
	// breaking is when the breaker began to hold, if it does.
	breaking bool
	since    time.Duration
}

type held struct {
	renewed time.Duration
	named   int
}

// New returns an empty table, in doubt until the first own heartbeat is back.
func New(cfg Config) *Table {
	return &Table{
		cfg:    cfg,
		leases: map[fold.EdgeEpoch]*held{},
		edges:  map[string]*Edge{},
		named:  map[int32][]fold.EdgeEpoch{},
		canary: canary{late: lateBeats * cfg.Interval, sent: map[int64]time.Duration{}},
	}
}

// Name sets the epochs that rest on leases in a partition, nil when it is no
// longer ours. A lease that nobody has named before begins now.
func (t *Table) Name(now time.Duration, partition int32, epochs []fold.EdgeEpoch) {
	for _, ee := range epochs {
		h := t.leases[ee]
		if h == nil {
			h = &held{renewed: now}
			t.leases[ee] = h
		}
		h.named++
	}
	for _, ee := range t.named[partition] {
		h := t.leases[ee]
		if h.named--; h.named == 0 {
			delete(t.leases, ee)
		}
	}
	if len(epochs) == 0 {
		delete(t.named, partition)
	} else {
		t.named[partition] = epochs
	}
}

// Beat takes an edge's heartbeat.
func (t *Table) Beat(now time.Duration, hb schema.Heartbeat) {
	if hb.Kind != schema.KindEdge || hb.Claim != "" {
		return // a claim's epoch is not in it
	}
	e := t.edges[hb.Instance]
	if e == nil {
		e = &Edge{Edge: hb.Instance, Clear: never}
		t.edges[hb.Instance] = e
	}
	if hb.Epoch < e.Last.Epoch {
		return // the older of two edges with one id
	}
	if hb.Run != "" && hb.Run == e.Last.Run && hb.Beat < e.Last.Beat {
		return // given up by its sender, and landed late
	}
	if hb.Epoch > e.Last.Epoch {
		e.Expired = false
	}
	e.Last, e.Seen = hb, now
	if hb.Heard > 0 {
		e.Clear = max(e.Clear, t.vouched(&hb))
	}
	for ee, h := range t.leases {
		if ee.Edge == hb.Instance && ee.Epoch <= hb.Epoch {
			h.renewed = now
		}
	}
}

// Renewed reports that the lease of an epoch hasn't run out.
func (t *Table) Renewed(now time.Duration, ee fold.EdgeEpoch) bool {
	h := t.leases[ee]
	return h != nil && now-h.renewed <= t.cfg.Lease
}

// Expired are the epochs whose lease has run out, by edge and epoch. Breaking
// reports that the breaker holds some back.
func (t *Table) Expired(now time.Duration) (over []fold.EdgeEpoch, breaking bool) {
	t.judge(now)
	if !t.canary.trusted {
		return nil, false
	}
	for ee, h := range t.leases {
		if now-h.renewed > t.cfg.Lease {
			over = append(over, ee)
		}
	}
	slices.SortFunc(over, compare)
	over = t.breaker(now, over)
	for _, ee := range over {
		if e := t.edges[ee.Edge]; e != nil && ee.Epoch >= e.Last.Epoch {
			e.Expired = true
		}
	}
	return over, t.breaking
}

func compare(a, b fold.EdgeEpoch) int {
	return cmp.Or(cmp.Compare(a.Edge, b.Edge), cmp.Compare(a.Epoch, b.Epoch))
}

// breaker takes out of over what is held back. An edge that has said goodbye
// is never held, nor does it count. Edges beat at different times, so those that
// fall silent at once run out one by one, within an interval: whoever has been
// silent for half a lease counts as lost with the first of them.
func (t *Table) breaker(now time.Duration, over []fold.EdgeEpoch) []fold.EdgeEpoch {
	all, lost := map[string]bool{}, map[string]bool{}
	for ee, h := range t.leases {
		if t.stopped(ee.Edge) {
			continue
		}
		all[ee.Edge] = true
		if len(over) > 0 && now-h.renewed > t.cfg.Lease/2 {
			lost[ee.Edge] = true
		}
	}
	if len(all) < breakerEdges || 2*len(lost) <= len(all) {
		t.breaking = false
		return over
	}
	if !t.breaking {
		t.breaking, t.since = true, now
	}
	if now-t.since > t.cfg.Hold {
		return over
	}
	return slices.DeleteFunc(over, func(ee fold.EdgeEpoch) bool { return !t.stopped(ee.Edge) })
}

func (t *Table) stopped(edge string) bool {
	e := t.edges[edge]
	return e != nil && e.Last.Stopped
}

// Alive reports that the edge has been heard, within its lease, and under no
// newer epoch than this: it should hear what is said against it.
func (t *Table) Alive(now time.Duration, edge string, epoch int64) bool {
	e := t.edges[edge]
	return e != nil && !e.Last.Stopped && e.Last.Epoch <= epoch && now-e.Seen <= t.cfg.Lease
}

// TooSlow reports, of a heartbeat that Beat has not taken yet, that the edge beats
// so rarely that its lease runs out between two of them, which the one before it
// didn't say.
func (t *Table) TooSlow(hb schema.Heartbeat) bool {
	if hb.Kind != schema.KindEdge || hb.Claim != "" || hb.IntervalMS < t.cfg.Lease.Milliseconds() {
		return false
	}
	e := t.edges[hb.Instance]
	return e == nil || e.Last.IntervalMS != hb.IntervalMS
}

// Behind is the epoch under which the edge of an expired one beats on, if that is
// a lower one. Epochs only grow: the heartbeats are another log than those that
// the expired one came from, or something else wrote in the edge's name.
func (t *Table) Behind(now time.Duration, expired fold.EdgeEpoch) (epoch int64, behind bool) {
	e := t.edges[expired.Edge]
	if e == nil || e.Last.Stopped || now-e.Seen > lateBeats*t.cfg.Interval {
		return 0, false
	}
	return e.Last.Epoch, e.Last.Epoch < expired.Epoch
}

// Edges are all that were heard of, by id. Those long unseen are dropped.
func (t *Table) Edges(now time.Duration) []Edge {
	all := make([]Edge, 0, len(t.edges))
	for id, e := range t.edges {
		if now-e.Seen > unseen {
			delete(t.edges, id)
			continue
		}
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Edge) int { return cmp.Compare(a.Edge, b.Edge) })
	return all
}
