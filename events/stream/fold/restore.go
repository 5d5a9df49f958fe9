package fold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Restorer makes a machine of the records of a changelog, read from its start,
// in order. An entity is in the machine as soon as it is read: the records of a
// partition are not kept beside it.
type Restorer struct {
	fold      Fold
	partition int32
	m         *Machine
	// own is the last record of each of the runtime's keys.
	own map[string]Change
	// unread are the last records that could not be decoded.
	unread map[string]Unread
}

// Unread is a record whose entity could not be decoded.
type Unread struct {
	Change
	Err error
}

// NewRestorer returns one for the changelog of a partition.
func NewRestorer(f Fold, partition int32) *Restorer {
	return &Restorer{fold: f, partition: partition, m: NewMachine(f, partition),
		own: map[string]Change{}, unread: map[string]Unread{}}
}

// Add takes the next record: the last one of a key counts. The value isn't kept.
func (r *Restorer) Add(c Change) {
	if strings.HasPrefix(c.Key, runtimePrefix) {
		if c.Value == nil {
			delete(r.own, c.Key)
			return
		}
		c.Value = bytes.Clone(c.Value)
		r.own[c.Key] = c
		return
	}
	if len(r.unread) > 0 {
		delete(r.unread, c.Key)
	}
	if len(r.m.tombstones) > 0 {
		delete(r.m.tombstones, c.Key)
	}
	switch {
	case c.Value == nil:
		r.m.store.delete(c.Key)
	case isDeletion(c.Value):
		r.m.store.delete(c.Key)
		r.m.tombstones[c.Key] = struct{}{}
	default:
		r.entity(c)
	}
}

func (r *Restorer) entity(c Change) {
	e, err := r.fold.Decode(c.Key, c.Value)
	if err != nil {
		r.m.store.delete(c.Key)
		c.Value = bytes.Clone(c.Value)
		r.unread[c.Key] = Unread{Change: c, Err: err}
		return
	}
	r.m.store.put(c.Key, e)
}

// Machine returns the machine, once all is added. Fresh: there was no flush
// yet, the machine must be given its Begin. Redo are the changes of a large
// flush that may not all stand in the changelog as ordinary records: they must
// be appended, in batches as they are, before the next flush is.
func (r *Restorer) Machine(limit int) (m *Machine, fresh bool, redo [][]Change, err error) {
	task, ok := r.own[KeyTask]
	if !ok {
		return NewMachine(r.fold, r.partition), true, nil, nil
	}
	m = r.m
	if err := json.Unmarshal(task.Value, &m.task); err != nil {
		return nil, false, nil, fmt.Errorf("restore %q: %w", KeyTask, err)
	}
	if m.task.Fold != r.fold.Name() || m.task.Partition != r.partition {
		return nil, false, nil, fmt.Errorf("restore: changelog is of %s partition %d, not of %s partition %d",
			m.task.Fold, m.task.Partition, r.fold.Name(), r.partition)
	}
	pending, err := pendingRedo(r.own, m.task.Redo)
	if err != nil {
		return nil, false, nil, err
	}
	for _, c := range pending {
		r.Add(c)
	}
	written := m.task.Version
	m.task.Redo, m.task.Version = nil, r.fold.Version()
	if err := r.finish(written); err != nil {
		return nil, false, nil, err
	}
	if len(pending) > 0 {
		redo = split(pending, limit)
	}
	return m, false, redo, nil
}

// pendingRedo returns the changes of the redo log that the task names. If one of its
// chunks is missing, a later flush has begun to write its own, which it does
// only after all changes of this one stood in the changelog.
func pendingRedo(own map[string]Change, named *Redo) ([]Change, error) {
	if named == nil {
		return nil, nil
	}
	var all []Change
	for i := range named.Chunks {
		chunk, ok := own[redoKey(i)]
		if !ok {
			return nil, nil
		}
		flush, changes, err := readChunk(chunk.Value)
		if err != nil {
			return nil, fmt.Errorf("restore %q: %w", redoKey(i), err)
		}
		if flush != named.Flush {
			return nil, nil
		}
		all = append(all, changes...)
	}
	return all, nil
}

// finish gives the machine the runtime's own records. What is no entity was
// written by somebody else: it is set aside, and the partition goes on. But a
// newer version of the fold may have written what this one can't read, and
// without the runtime's own records the log would be told again: these stop the
// restore.
func (r *Restorer) finish(written int) error {
	for _, key := range slices.Sorted(maps.Keys(r.own)) {
		if err := r.m.load(key, r.own[key].Value); err != nil {
			return fmt.Errorf("restore %q: %w", key, err)
		}
	}
	for _, u := range r.Unread() {
		if written > r.fold.Version() {
			return fmt.Errorf("restore %q: %w", u.Key, u.Err)
		}
		r.m.tombstones[u.Key] = struct{}{} // so that it is said once
	}
	return nil
}

// Unread are the records, in key order, that the machine had to leave out.
func (r *Restorer) Unread() []Unread {
	return slices.SortedFunc(maps.Values(r.unread), func(a, b Unread) int { return strings.Compare(a.Key, b.Key) })
}

// load takes one of the runtime's own records.
func (m *Machine) load(key string, value []byte) error {
	switch {
	case isDeletion(value):
		m.tombstones[key] = struct{}{}
	case strings.HasPrefix(key, prefixRedo):
		m.redoKeys = max(m.redoKeys, redoNumber(key)+1)
	case strings.HasPrefix(key, prefixEdge):
		e := new(edgeState)
		m.edges[strings.TrimPrefix(key, prefixEdge)] = e
		return json.Unmarshal(value, e)
	case strings.HasPrefix(key, prefixSrc):
		s := new(sourceState)
		m.sources[strings.TrimPrefix(key, prefixSrc)] = s
		return json.Unmarshal(value, s)
	}
	return nil // the task, the marker, or of a newer build
}
