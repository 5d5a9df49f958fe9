package fold

import (
	"iter"

	"github.com/tidwall/btree"
)

// runtimePrefix begins the changelog keys that belong to the runtime.
const runtimePrefix = "!"

// Store holds a fold's entities in key order, with their index.
type Store struct {
	fold     Fold
	entities btree.Map[string, Entity]
	index    btree.Map[string, string]
}

// NewStore returns an empty store for the entities of a fold.
func NewStore(f Fold) *Store { return &Store{fold: f} }

// Begin returns a transaction over the store. At most one may be open at a
// time; one that isn't committed leaves no trace.
func (s *Store) Begin(owner Owner) *Tx {
	return &Tx{
		fold:     s.fold,
		entities: layered[Entity]{base: &s.entities},
		index:    layered[string]{base: &s.index},
		owner:    owner,
	}
}

// Commit makes the changes of a transaction the store's.
func (s *Store) Commit(tx *Tx) {
	apply(&s.entities, &tx.entities)
	apply(&s.index, &tx.index)
}

func apply[V any](base *btree.Map[string, V], l *layered[V]) {
	l.over.Scan(func(key string, c change[V]) bool {
		if c.deleted {
			base.Delete(key)
		} else {
			base.Set(key, c.value)
		}
		return true
	})
}

// put is for a restore, outside of any transaction.
func (s *Store) put(key string, e Entity) {
	s.delete(key)
	for _, k := range s.fold.Index(key, e) {
		s.index.Set(indexKey(k, key), key)
	}
	s.entities.Set(key, e)
}

func (s *Store) delete(key string) {
	old, found := s.entities.Delete(key)
	if !found {
		return
	}
	for _, k := range s.fold.Index(key, old) {
		s.index.Delete(indexKey(k, key))
	}
}

// Snapshot is a copy in constant time (copy on write). It may be read by any
// goroutine while the store goes on.
func (s *Store) Snapshot() *Snapshot {
	return &Snapshot{entities: s.entities.Copy(), index: s.index.Copy()}
}

// Snapshot is a state of a store that doesn't change any more.
type Snapshot struct {
	entities *btree.Map[string, Entity]
	index    *btree.Map[string, string]
}

// Len is the number of entities.
func (s *Snapshot) Len() int { return s.entities.Len() }

// Get returns the entity of a key.
func (s *Snapshot) Get(key string) (Entity, bool) { return s.entities.Get(key) }

// Scan yields the entities whose keys have the prefix, in key order.
func (s *Snapshot) Scan(prefix string) iter.Seq2[string, Entity] { return scanMap(s.entities, prefix) }

// ScanIndex yields the entities that have an index key with the prefix, with
// their own keys, in the order of the index keys.
func (s *Snapshot) ScanIndex(prefix string) iter.Seq2[string, Entity] {
	return func(yield func(string, Entity) bool) {
		for _, key := range scanMap(s.index, prefix) {
			if e, ok := s.entities.Get(key); ok && !yield(key, e) {
				return
			}
		}
	}
}
