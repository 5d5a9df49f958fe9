package fold

import (
	"fmt"
	"iter"
	"strings"
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
		for key, packed := range m.store.entities.from("") {
			if m.fold.Plain(key) {
				continue
			}
			due, ok := m.delay(key, m.fold.Unpack(key, packed))
			if ok && !yield(DueChange{Key: key, Due: due, Armed: true}) {
				return
			}
		}
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
	for key, packed := range m.store.entities.from(from) {
		if limit--; limit < 0 {
			return dues, strings.Clone(key) // without the entity behind it
		}
		if m.fold.Plain(key) {
			continue
		}
		if due, ok := m.fold.Due(key, m.fold.Unpack(key, packed)); ok && due.Aged && due.Cause < logStart {
			dues = append(dues, due)
		}
	}
	return dues, ""
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
	if m.fold.Plain(key) {
		return DueChange{}, false
	}
	var before, after Due
	var had, has bool
	if old, ok := m.store.entities.get(key); ok {
		before, had = m.delay(key, m.fold.Unpack(key, old))
	}
	if !c.deleted {
		after, has = m.delay(key, c.value)
	}
	if had == has && before == after {
		return DueChange{}, false
	}
	return DueChange{Key: key, Due: after, Armed: has}, true
}
