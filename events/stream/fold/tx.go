package fold

import (
	"fmt"
	"iter"
	"strings"

	"rollcall.dev/events/schema"
)

// Tx is what Apply sees of the state: the store, and over it what Apply has
// changed so far.
type Tx struct {
	fold     Fold
	entities layered[Entity]
	index    layered[string]
	outputs  []Output
	odd      []string
	owner    Owner
	// partitions of each topic of outputs, 0 if it isn't known.
	partitions int
}

// Owner is the newest owner.started that was read. Its offset is the owner
// epoch.
type Owner struct {
	Epoch int64 `json:"epoch"`
	schema.OwnerStarted
}

// Get returns the entity of a key.
func (tx *Tx) Get(key string) (Entity, bool) { return tx.entities.get(key) }

// Put adds or replaces an entity.
func (tx *Tx) Put(key string, e Entity) {
	if key == "" || strings.HasPrefix(key, runtimePrefix) {
		panic(fmt.Sprintf("put %q: such keys belong to the runtime", key))
	}
	if !tx.fold.Plain(key) {
		tx.unindex(key)
		for _, k := range tx.fold.Index(key, e) {
			tx.index.put(indexKey(k, key), key)
		}
	}
	tx.entities.put(key, e)
}

// Delete removes an entity, if there is one.
func (tx *Tx) Delete(key string) {
	if !tx.entities.has(key) {
		return
	}
	if !tx.fold.Plain(key) {
		tx.unindex(key)
	}
	tx.entities.delete(key)
}

func (tx *Tx) unindex(key string) {
	if old, found := tx.entities.get(key); found {
		for _, k := range tx.fold.Index(key, old) {
			tx.index.delete(indexKey(k, key))
		}
	}
}

// Scan yields the entities whose keys have the prefix, in key order. The
// transaction may be changed meanwhile: changes ahead of the scan are seen.
func (tx *Tx) Scan(prefix string) iter.Seq2[string, Entity] { return tx.entities.scan(prefix) }

// ScanIndex yields the entities that have an index key with the prefix, with
// their own keys, in the order of the index keys.
func (tx *Tx) ScanIndex(prefix string) iter.Seq2[string, Entity] {
	return func(yield func(string, Entity) bool) {
		for _, key := range tx.index.scan(prefix) {
			if e, ok := tx.entities.get(key); ok && !yield(key, e) {
				return
			}
		}
	}
}

// Emit adds an output. Outputs are stamped in the order of the calls.
func (tx *Tx) Emit(o Output) { tx.outputs = append(tx.outputs, o) }

// Odd notes that the input can't be, as things stand: its writer, or this
// reader, has a fault. The kind is a metric's label, one of a few. It changes
// nothing else: what the fold does about it is its own business.
func (tx *Tx) Odd(kind string) { tx.odd = append(tx.odd, kind) }

// Oddities are the kinds noted so far.
func (tx *Tx) Oddities() []string { return tx.odd }

// Owner is the newest owner.started read: who owns the partition, with the
// delays that hold from there on. During Apply of an owner.started it is that.
func (tx *Tx) Owner() schema.OwnerStarted { return tx.owner.OwnerStarted }

// OwnerEpoch is the offset of that owner.started, -1 before the first.
func (tx *Tx) OwnerEpoch() int64 { return tx.owner.Epoch }

// Writable reports that the topics of outputs have the partition, as far as is
// known: an input whose output goes to another one is poison.
func (tx *Tx) Writable(partition int32) bool {
	return within(tx.partitions, partition)
}

// Outputs are those emitted so far.
func (tx *Tx) Outputs() []Output { return tx.outputs }

// indexKey makes an index key unique by its entity's key. The separator sorts
// before everything, so that index keys keep their order.
func indexKey(index, key string) string { return index + "\x00\x00" + key }
