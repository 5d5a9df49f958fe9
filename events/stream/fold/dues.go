package fold

import (
	"fmt"
	"iter"
)

// DueChange says that an entity began to wait (Armed) or no longer does.
type DueChange struct {
	Key   string
	Due   Due
	Armed bool
}

// Dues are all waits of the present state for a delay.
func (m *Machine) Dues() iter.Seq[DueChange] {
	return func(yield func(DueChange) bool) {
		m.store.entities.Scan(func(key string, e Entity) bool {
			due, ok := m.delay(key, e)
			return !ok || yield(DueChange{Key: key, Due: due, Armed: true})
		})
	}
}

// delay is what an entity waits for on the owner's clock, if it does.
func (m *Machine) delay(key string, e Entity) (Due, bool) {
	if due, ok := m.fold.Due(key, e); ok && !due.Aged {
		return due, true
	}
	return Due{}, false
}

// Aged looks at up to limit entities, from a key on, for those whose cause the
// log no longer goes back to. It returns their dues and where to look on, "" at
// the end: a state is large, and is not to be looked at in one go.
func (m *Machine) Aged(logStart int64, from string, limit int) (dues []Due, next string) {
	m.store.entities.Ascend(from, func(key string, e Entity) bool {
		if limit--; limit < 0 {
			next = key
			return false
		}
		if due, ok := m.fold.Due(key, e); ok && due.Aged && due.Cause < logStart {
			dues = append(dues, due)
		}
		return true
	})
	return dues, next
}

// changes encodes what a transaction has changed, in key order, and compares
// the waits before and after it.
func (m *Machine) changes(tx *Tx) (changes []Change, dues []DueChange, err error) {
	tx.entities.over.Scan(func(key string, c change[Entity]) bool {
		var value []byte
		if !c.deleted {
			if value, err = m.encode(key, c.value); err != nil {
				return false
			}
		}
		changes = append(changes, Change{Key: key, Value: value})
		if due, ok := m.dueChange(key, c); ok {
			dues = append(dues, due)
		}
		return true
	})
	return changes, dues, err
}

func (m *Machine) encode(key string, e Entity) ([]byte, error) {
	value, err := m.fold.Encode(nil, key, e)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode entity %q: %w", key, err)
	case len(key)+len(value) > MaxEntity:
		return nil, fmt.Errorf("encode entity %q: has %d bytes, at most %d are allowed", key, len(value), MaxEntity)
	case len(value) == 0 || isDeletion(value):
		return nil, fmt.Errorf("encode entity %q: %q stands for a deletion", key, value)
	}
	return value, nil
}

func (m *Machine) dueChange(key string, c change[Entity]) (DueChange, bool) {
	var before, after Due
	var had, has bool
	if old, ok := m.store.entities.Get(key); ok {
		before, had = m.delay(key, old)
	}
	if !c.deleted {
		after, has = m.delay(key, c.value)
	}
	if had == has && before == after {
		return DueChange{}, false
	}
	return DueChange{Key: key, Due: after, Armed: has}, true
}
