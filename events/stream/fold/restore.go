package fold

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Restorer collects the records of a changelog, from its start, in order.
type Restorer struct {
	fold      Fold
	partition int32
	last      map[string]Change
	unread    []Unread
}

// Unread is a record whose entity could not be decoded.
type Unread struct {
	Change
	Err error
}

// NewRestorer returns one for the changelog of a partition.
func NewRestorer(f Fold, partition int32) *Restorer {
	return &Restorer{fold: f, partition: partition, last: map[string]Change{}}
}

// Add takes the next record. It keeps the value.
func (r *Restorer) Add(c Change) {
	if c.Value == nil {
		delete(r.last, c.Key)
	} else {
		r.last[c.Key] = c
	}
}

// Machine makes a machine of what was collected. Fresh: there was no flush
// yet, the machine must be given its Begin. Redo are the changes of a large
// flush that may not all stand in the changelog as ordinary records: they must
// be appended, in batches as they are, before the next flush is.
func (r *Restorer) Machine(limit int) (m *Machine, fresh bool, redo [][]Change, err error) {
	m = NewMachine(r.fold, r.partition)
	task, ok := r.last[KeyTask]
	if !ok {
		return m, true, nil, nil
	}
	if err := json.Unmarshal(task.Value, &m.task); err != nil {
		return nil, false, nil, fmt.Errorf("restore %q: %w", KeyTask, err)
	}
	if m.task.Fold != r.fold.Name() || m.task.Partition != r.partition {
		return nil, false, nil, fmt.Errorf("restore: changelog is of %s partition %d, not of %s partition %d",
			m.task.Fold, m.task.Partition, r.fold.Name(), r.partition)
	}
	pending, err := r.redo(m.task.Redo)
	if err != nil {
		return nil, false, nil, err
	}
	for _, c := range pending {
		r.Add(c)
	}
	written := m.task.Version
	m.task.Redo, m.task.Version = nil, r.fold.Version()
	if err := r.load(m, written); err != nil {
		return nil, false, nil, err
	}
	if len(pending) > 0 {
		redo = split(pending, limit)
	}
	return m, false, redo, nil
}

// redo returns the changes of the redo log that the task names. If one of its
// chunks is missing, a later flush has begun to write its own, which it does
// only after all changes of this one stood in the changelog.
func (r *Restorer) redo(named *Redo) ([]Change, error) {
	if named == nil {
		return nil, nil
	}
	var all []Change
	for i := range named.Chunks {
		chunk, ok := r.last[redoKey(i)]
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

// load gives the machine all records. What is no entity was written by somebody
// else: it is set aside, and the partition goes on. But a newer version of the
// fold may have written what this one can't read, and without the runtime's own
// records the log would be told again: these stop the restore.
func (r *Restorer) load(m *Machine, written int) error {
	for _, key := range slices.Sorted(maps.Keys(r.last)) {
		err := m.load(key, r.last[key].Value)
		switch {
		case err == nil:
		case written > r.fold.Version() || strings.HasPrefix(key, runtimePrefix):
			return fmt.Errorf("restore %q: %w", key, err)
		default:
			r.unread = append(r.unread, Unread{Change: r.last[key], Err: err})
			m.tombstones[key] = struct{}{} // so that it is said once
		}
	}
	return nil
}

// Unread are the records, in key order, that Machine had to leave out.
func (r *Restorer) Unread() []Unread { return r.unread }

func (m *Machine) load(key string, value []byte) error {
	switch {
	case key == KeyTask, key == KeyMarker:
		return nil
	case isDeletion(value):
		m.tombstones[key] = struct{}{}
		return nil
	case strings.HasPrefix(key, prefixRedo):
		m.redoKeys = max(m.redoKeys, redoNumber(key)+1)
		return nil
	case strings.HasPrefix(key, prefixEdge):
		e := new(edgeState)
		m.edges[strings.TrimPrefix(key, prefixEdge)] = e
		return json.Unmarshal(value, e)
	case strings.HasPrefix(key, prefixSrc):
		s := new(sourceState)
		m.sources[strings.TrimPrefix(key, prefixSrc)] = s
		return json.Unmarshal(value, s)
	case strings.HasPrefix(key, runtimePrefix):
		return nil // of a newer build
	}
	e, err := m.fold.Decode(key, value)
	if err == nil {
		m.store.put(key, e)
	}
	return err
}
