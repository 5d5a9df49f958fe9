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
	last      map[string][]byte
}

// NewRestorer returns one for the changelog of a partition.
func NewRestorer(f Fold, partition int32) *Restorer {
	return &Restorer{fold: f, partition: partition, last: map[string][]byte{}}
}

// Add takes the next record. It keeps the value.
func (r *Restorer) Add(c Change) {
	if c.Value == nil {
		delete(r.last, c.Key)
	} else {
		r.last[c.Key] = c.Value
	}
}

// Machine makes a machine of what was collected. Fresh: there was no flush
// yet, the machine must be given its Begin. Redo are the changes of a large
// flush that may not all stand in the changelog as ordinary records: they must
// be appended, in batches as they are, before the next flush is.
func (r *Restorer) Machine(limit int) (m *Machine, fresh bool, redo [][]Change, err error) {
	m = NewMachine(r.fold, r.partition)
	value, ok := r.last[KeyTask]
	if !ok {
		return m, true, nil, nil
	}
	if err := json.Unmarshal(value, &m.task); err != nil {
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
	m.task.Redo, m.task.Version = nil, r.fold.Version()
	if err := r.load(m); err != nil {
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
		value, ok := r.last[redoKey(i)]
		if !ok {
			return nil, nil
		}
		flush, changes, err := readChunk(value)
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

func (r *Restorer) load(m *Machine) error {
	for _, key := range slices.Sorted(maps.Keys(r.last)) {
		if err := m.load(key, r.last[key]); err != nil {
			return fmt.Errorf("restore %q: %w", key, err)
		}
	}
	return nil
}

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
