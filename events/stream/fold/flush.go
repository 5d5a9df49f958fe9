package fold

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Change is one record of the changelog. A nil value is a tombstone.
type Change struct {
	Key   string
	Value []byte
	// Offset is where the record stands that was read; 0 in a flush.
	Offset int64
}

// recordOverhead is more than what a record costs in a batch beside its key
// and value (record_v2: varints, attributes, no headers).
const recordOverhead = 32

func (c Change) size() int { return len(c.Key) + len(c.Value) + recordOverhead }

// Flush takes what the changelog doesn't have yet, as batches to be appended
// in this order, each whole or not at all, each at most limit bytes.
//
// One batch is the rule. What doesn't fit goes by a redo log:
//
//	!redo/0 … !redo/n-1   the changes, in chunks; nobody believes them yet
//	!task                 names them: the flush has happened
//	the changes           as ordinary records
//
// The next flush clears the chunks. Until then a restore puts them over what
// it found.
func (m *Machine) Flush(limit int) ([][]Change, error) {
	changes, err := m.take()
	if err != nil {
		return nil, err
	}
	m.task.Flushes++
	m.rebuilt()
	task := m.task
	tail, err := taskChange(task)
	if err != nil {
		return nil, err
	}
	clear := m.clearRedo()
	if size(changes)+size(clear)+tail.size() <= limit {
		m.redoKeys = 0
		return [][]Change{slices.Concat(changes, clear, []Change{tail})}, nil
	}
	chunks, err := redoChunks(task.Flushes, changes, limit)
	if err != nil {
		return nil, err
	}
	task.Redo = &Redo{Flush: task.Flushes, Chunks: len(chunks)}
	if tail, err = taskChange(task); err != nil {
		return nil, err
	}
	m.redoKeys = max(m.redoKeys, len(chunks))
	batches := make([][]Change, 0, 2*len(chunks)+1)
	for _, c := range chunks {
		batches = append(batches, []Change{c})
	}
	batches = append(batches, []Change{tail})
	return append(batches, split(changes, limit)...), nil
}

// take empties the sets of what has changed: entities, then the runtime's own,
// then tombstones of what an earlier flush deleted, each in key order.
func (m *Machine) take() ([]Change, error) {
	changes := make([]Change, 0, len(m.dirty)+len(m.touched)+len(m.tombstones))
	gone := map[string]struct{}{}
	add := func(key string, value []byte) {
		if value == nil {
			value = deletion(m.task.Position)
			gone[key] = struct{}{}
		}
		delete(m.tombstones, key)
		changes = append(changes, Change{Key: key, Value: value})
	}
	for _, key := range slices.Sorted(maps.Keys(m.dirty)) {
		add(key, m.dirty[key])
	}
	for _, key := range slices.Sorted(maps.Keys(m.touched)) {
		value, err := m.runtimeValue(key)
		if err != nil {
			return nil, fmt.Errorf("encode %q: %w", key, err)
		}
		add(key, value)
	}
	for _, key := range slices.Sorted(maps.Keys(m.tombstones)) {
		changes = append(changes, Change{Key: key})
	}
	m.tombstones = gone
	clear(m.dirty)
	clear(m.touched)
	return changes, nil
}

// runtimeValue encodes an edge or a source, nil if there is none any more.
func (m *Machine) runtimeValue(key string) ([]byte, error) {
	if id, ok := strings.CutPrefix(key, prefixEdge); ok {
		if e := m.edges[id]; e != nil {
			e.touched = false
			return json.Marshal(e)
		}
		return nil, nil
	}
	if s := m.sources[strings.TrimPrefix(key, prefixSrc)]; s != nil {
		s.touched = false
		return json.Marshal(s)
	}
	return nil, nil
}

func taskChange(t Task) (Change, error) {
	value, err := json.Marshal(&t)
	if err != nil {
		return Change{}, fmt.Errorf("encode %q: %w", KeyTask, err)
	}
	return Change{Key: KeyTask, Value: value}, nil
}

func (m *Machine) clearRedo() []Change {
	clear := make([]Change, m.redoKeys)
	for i := range clear {
		clear[i] = Change{Key: redoKey(i)}
	}
	return clear
}

func redoKey(n int) string { return prefixRedo + strconv.Itoa(n) }

var deletionPrefix = []byte(`{"deleted":`)

// deletion is the record of a deleted entity: compaction keeps it until the
// tombstone of a later flush, so that it has a position like any other.
func deletion(position int64) []byte {
	return fmt.Appendf(nil, `%strue,"position":%d}`, deletionPrefix, position)
}

func isDeletion(value []byte) bool { return bytes.HasPrefix(value, deletionPrefix) }

func size(changes []Change) int {
	total := 0
	for _, c := range changes {
		total += c.size()
	}
	return total
}

// split cuts changes into batches of at most limit bytes.
func split(changes []Change, limit int) [][]Change {
	var batches [][]Change
	start, total := 0, 0
	for i, c := range changes {
		if total += c.size(); total > limit && i > start {
			batches = append(batches, changes[start:i])
			start, total = i, c.size()
		}
	}
	return append(batches, changes[start:])
}
