package fold

import (
	"maps"
	"slices"

	"rollcall.dev/events/schema"
)

// Keys of the changelog that belong to the runtime.
const (
	KeyTask    = "!task"
	KeyMarker  = "!marker"
	prefixEdge = "!edge/"
	prefixSrc  = "!src/"
	prefixRedo = "!redo/"
)

// Task is the record under [KeyTask]: where the partition stands. It commits
// the flush that it is part of.
type Task struct {
	Fold      string `json:"fold"`
	Version   int    `json:"version"`
	Partition int32  `json:"partition"`
	// Incarnation is that of the changelog, and so of the stamps.
	Incarnation string `json:"incarnation"`
	// Position is the next input offset to fold.
	Position int64 `json:"position"`
	Owner    Owner `json:"owner"`
	// Flushes counts the flushes of the changelog.
	Flushes int64 `json:"flushes"`
	// Redo names the chunks that belong to this flush, if one batch couldn't
	// hold it.
	Redo *Redo `json:"redo,omitempty"`
	// Rebuild is set while the log is read again.
	Rebuild *Rebuild `json:"rebuild,omitempty"`
}

// Redo names the chunks of a large flush.
type Redo struct {
	Flush  int64 `json:"flush"`
	Chunks int   `json:"chunks"`
}

// edgeState is what the partition knows of an edge: only the newest epoch
// matters.
type edgeState struct {
	Epoch int64 `json:"epoch"`
	// Expired: this epoch and all before it are over; -1 for none.
	Expired int64 `json:"expired"`
	// Watermark is the highest sequence of Epoch that was read; an epoch
	// counts from 1 in each partition.
	Watermark int64 `json:"watermark"`
	// Gap: something of Epoch is missing here.
	Gap bool `json:"gap,omitempty"`
	// Last is the offset of the last record that named the edge.
	Last int64 `json:"last"`

	touched bool
}

func (e *edgeState) leased() bool { return e.Epoch > e.Expired }

// sourceState is the watermark of a source whose events are told apart by it.
type sourceState struct {
	Watermark schema.Sequence `json:"watermark"`
	Last      int64           `json:"last"`

	touched bool
}

// EdgeEpoch names an epoch of an edge.
type EdgeEpoch struct {
	Edge  string
	Epoch int64
}

// Leases changes whenever the result of [Machine.Edges] or [Machine.Verdicts]
// may have.
func (m *Machine) Leases() uint64 { return m.leases }

// Edges are the epochs that hold a lease: the newest of each edge, unless it
// has expired. In order of the edges' ids.
func (m *Machine) Edges() []EdgeEpoch {
	var held []EdgeEpoch
	for _, id := range slices.Sorted(maps.Keys(m.edges)) {
		if e := m.edges[id]; e.leased() {
			held = append(held, EdgeEpoch{Edge: id, Epoch: e.Epoch})
		}
	}
	return held
}

// Verdicts are what edges should hear: epochs that have expired here and gaps
// in their newest epoch, in order of the edges' ids.
func (m *Machine) Verdicts() []schema.EdgeVerdict {
	var all []schema.EdgeVerdict
	for _, id := range slices.Sorted(maps.Keys(m.edges)) {
		switch e := m.edges[id]; {
		case !e.leased():
			all = append(all, schema.EdgeVerdict{Edge: id, Epoch: e.Expired, Verdict: schema.VerdictExpired})
		case e.Gap:
			all = append(all, schema.EdgeVerdict{Edge: id, Epoch: e.Epoch, Verdict: schema.VerdictGap})
		}
	}
	return all
}

// Forgettable is an edge that has no lease and wasn't heard of since the log
// began. It is to be named in an edge.expired with that start of the log.
func (m *Machine) Forgettable(logStart int64) (EdgeEpoch, bool) {
	for _, id := range slices.Sorted(maps.Keys(m.edges)) {
		if e := m.edges[id]; e.forgettable(logStart) {
			return EdgeEpoch{Edge: id, Epoch: e.Expired}, true
		}
	}
	return EdgeEpoch{}, false
}

func (e *edgeState) forgettable(logStart int64) bool { return e.Last < logStart && !e.leased() }

// forget drops the edges without a lease and the sources whose last record has
// fallen out of the log. The log itself says when: what is forgotten shows in
// the verdict on a record that names it again, and so in outputs, which must be
// the same in every replay.
func (m *Machine) forget(logStart int64) {
	for id, e := range m.edges {
		if e.forgettable(logStart) {
			delete(m.edges, id)
			m.leases++
			m.touched[prefixEdge+id] = struct{}{}
		}
	}
	for source, s := range m.sources {
		if s.Last < logStart {
			delete(m.sources, source)
			m.touched[prefixSrc+source] = struct{}{}
		}
	}
}
