package fold

import "iter"

// runtimePrefix begins the changelog keys that belong to the runtime.
const runtimePrefix = "!"

// Store holds a fold's entities in key order, packed, with their index.
type Store struct {
	fold     Fold
	entities table
	index    table
	buf      []byte
}

// NewStore returns an empty store for the entities of a fold.
func NewStore(f Fold) *Store { return &Store{fold: f, entities: newTable(), index: newTable()} }

// Begin returns a transaction over the store. At most one may be open at a
// time; one that isn't committed leaves no trace.
func (s *Store) Begin(owner Owner) *Tx {
	return &Tx{
		fold:     s.fold,
		entities: layered[Entity]{base: s.entities, load: s.fold.Unpack},
		index:    layered[string]{base: s.index, load: func(_, key string) string { return key }},
		owner:    owner,
	}
}

// Commit makes the changes of a transaction the store's.
func (s *Store) Commit(tx *Tx) {
	tx.entities.over.Scan(func(key string, c change[Entity]) bool {
		if c.deleted {
			s.entities.delete(key)
		} else {
			s.set(key, c.value)
		}
		return true
	})
	tx.index.over.Scan(func(key string, c change[string]) bool {
		if c.deleted {
			s.index.delete(key)
		} else {
			s.index.set(record{key + c.value, len(key)})
		}
		return true
	})
}

func (s *Store) set(key string, e Entity) {
	s.buf = s.fold.Pack(append(s.buf[:0], key...), key, e)
	s.entities.set(record{string(s.buf), len(key)})
}

// put is for a restore, outside of any transaction.
func (s *Store) put(key string, e Entity) {
	if !s.fold.Plain(key) {
		s.unindex(key)
		for _, k := range s.fold.Index(key, e) {
			k = indexKey(k, key)
			s.index.set(record{k + key, len(k)})
		}
	}
	s.set(key, e)
}

// delete is for a restore as well.
func (s *Store) delete(key string) {
	s.unindex(key)
	s.entities.delete(key)
}

func (s *Store) unindex(key string) {
	if s.fold.Plain(key) {
		return
	}
	if old, found := s.entities.get(key); found {
		for _, k := range s.fold.Index(key, s.fold.Unpack(key, old)) {
			s.index.delete(indexKey(k, key))
		}
	}
}

// Snapshot is a copy in constant time (copy on write). It may be read by any
// goroutine while the store goes on.
func (s *Store) Snapshot() *Snapshot {
	return &Snapshot{fold: s.fold, entities: s.entities.copy(), index: s.index.copy()}
}

// Snapshot is a state of a store that doesn't change any more.
type Snapshot struct {
	fold     Fold
	entities table
	index    table
}

// Len is the number of entities.
func (s *Snapshot) Len() int { return s.entities.len() }

// Get returns the entity of a key.
func (s *Snapshot) Get(key string) (Entity, bool) {
	packed, ok := s.entities.get(key)
	if !ok {
		return nil, false
	}
	return s.fold.Unpack(key, packed), true
}

// Scan yields the entities whose keys have the prefix, in key order.
func (s *Snapshot) Scan(prefix string) iter.Seq2[string, Entity] {
	return func(yield func(string, Entity) bool) {
		for key, packed := range s.entities.scan(prefix) {
			if !yield(key, s.fold.Unpack(key, packed)) {
				return
			}
		}
	}
}

// ScanIndex yields the entities that have an index key with the prefix, with
// their own keys, in the order of the index keys.
func (s *Snapshot) ScanIndex(prefix string) iter.Seq2[string, Entity] {
	return func(yield func(string, Entity) bool) {
		for _, key := range s.index.scan(prefix) {
			if e, ok := s.Get(key); ok && !yield(key, e) {
				return
			}
		}
	}
}
