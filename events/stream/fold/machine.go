package fold

import (
	"fmt"
	"runtime/debug"

	"rollcall.dev/events/schema"
)

// Verdict says what became of a record.
type Verdict int

// The verdicts.
const (
	// Applied: the fold has seen it.
	Applied Verdict = iota
	// Duplicate: not above its source's watermark; dropped.
	Duplicate
	// Fenced: of an edge epoch that is over; the fold has seen it as such.
	Fenced
	// Stale: a due or an expiry of an owner that isn't the newest; dropped.
	Stale
	// Unknown: a type that this build doesn't know; skipped.
	Unknown
	// Poison: undecodable, or the fold failed on it; Result.Err says why.
	Poison
)

func (v Verdict) String() string {
	return [...]string{"applied", "duplicate", "fenced", "stale", "unknown", "poison"}[v]
}

// Result is what follows from one record.
type Result struct {
	Verdict Verdict
	// Err of Unknown and Poison.
	Err     error
	Outputs []Stamped
	// Dues that began or ended.
	Dues []DueChange
	// Gap: a gap in an edge's sequence was seen for the first time.
	Gap bool
	// Told: the record is read again by a rebuild. It has no outputs, and its
	// dead letter is written.
	Told bool
	// Odd are the kinds of oddity that the fold has noted.
	Odd []string
}

// Machine folds the records of one partition. Not safe for concurrent use.
type Machine struct {
	fold  Fold
	store *Store
	task  Task

	edges   map[string]*edgeState
	sources map[string]*sourceState
	leases  uint64
	// partitions is that of the topics of outputs, 0 if it isn't known.
	partitions int

	// dirty holds the encoded entities that the changelog hasn't, nil for a
	// deleted one; touched the runtime's own keys that have changed.
	dirty   map[string][]byte
	touched map[string]struct{}
	// tombstones are keys whose deletion stands in the changelog.
	tombstones map[string]struct{}
	// redoKeys is the number of redo chunks that stand in the changelog.
	redoKeys int
}

// NewMachine returns a machine with nothing in it, for a partition whose
// changelog is empty. See [Restorer] for one that isn't.
func NewMachine(f Fold, partition int32) *Machine {
	return &Machine{
		fold:  f,
		store: NewStore(f),
		task: Task{
			Fold: f.Name(), Version: f.Version(), Partition: partition,
			Owner: Owner{Epoch: -1},
		},
		edges:      map[string]*edgeState{},
		sources:    map[string]*sourceState{},
		dirty:      map[string][]byte{},
		touched:    map[string]struct{}{},
		tombstones: map[string]struct{}{},
	}
}

// Begin gives a new machine its incarnation and its first input offset.
func (m *Machine) Begin(incarnation string, position int64) {
	m.task.Incarnation, m.task.Position = incarnation, position
}

// Presume sets the delays that hold for what was written before the first owner
// started. They are part of the first flush, so that replays agree.
func (m *Machine) Presume(d schema.Delays) { m.task.Owner.Delays = d }

// Partitions tells how many each topic of outputs has: an input whose output
// goes to another one is poison. It belongs to a deployment for good, so replays
// agree. Unset, it isn't looked at.
func (m *Machine) Partitions(n int) { m.partitions = n }

// Incarnation is that of the stamps, "" before [Machine.Begin].
func (m *Machine) Incarnation() string { return m.task.Incarnation }

// Position is the next input offset to fold.
func (m *Machine) Position() int64 { return m.task.Position }

// Owner is the newest owner that was read.
func (m *Machine) Owner() Owner { return m.task.Owner }

// Source is the source of the outputs.
func (m *Machine) Source() string {
	return schema.TaskSource(m.task.Fold, m.task.Incarnation, m.task.Partition)
}

// Snapshot is the present state, for readers beside the fold.
func (m *Machine) Snapshot() *Snapshot { return m.store.Snapshot() }

// Step folds one record.
func (m *Machine) Step(rec Record) Result { return m.Fold(Decode(rec)) }

// Fold is Step for a record that is decoded already. Records come in the order
// of their offsets; holes are fine.
func (m *Machine) Fold(d Decoded) Result {
	m.task.Position = d.Offset + 1
	a := m.admit(&d)
	r := Result{Verdict: a.verdict, Gap: a.gap, Told: m.told(d.Offset)}
	switch {
	case d.unknown():
		r.Verdict, r.Err = Unknown, d.Err
	case d.Err != nil:
		r.Verdict, r.Err = Poison, d.Err
	case a.verdict == Applied, a.verdict == Fenced:
		m.apply(d.input(m.task.Partition, a), &r)
	}
	if r.Told {
		r.Outputs = nil
	}
	return r
}

// apply runs the fold over a transaction, and commits it if all that came of
// it can be written.
func (m *Machine) apply(in Input, r *Result) {
	if err := m.transact(in, r); err != nil {
		r.Verdict, r.Err, r.Outputs, r.Dues = Poison, err, nil, nil
	}
}

func (m *Machine) transact(in Input, r *Result) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fold %s at offset %d: panic: %v\n%s", m.task.Fold, in.Offset, p, debug.Stack())
		}
	}()
	tx := m.store.Begin(m.task.Owner)
	tx.partitions = m.partitions
	m.fold.Apply(tx, in)
	outputs, err := m.stamp(in.Offset, tx.outputs)
	if err != nil {
		return err
	}
	changes, dues, err := m.changes(tx)
	if err != nil {
		return err
	}
	m.store.Commit(tx)
	for _, c := range changes {
		m.dirty[c.Key] = c.Value
	}
	r.Outputs, r.Dues, r.Odd = outputs, dues, tx.odd
	return nil
}
