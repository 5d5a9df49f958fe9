package fold

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// table is an ordered map of strings. A key and its value are one piece of
// memory: of a large state, the pieces that the garbage collector has to find
// are what takes the time.
type table struct{ tree *btree.BTreeG[record] }

// record is a key, n bytes long, with its value behind it.
type record struct {
	text string
	n    int
}

func (r record) key() string   { return r.text[:r.n] }
func (r record) value() string { return r.text[r.n:] }

func newTable() table {
	less := func(a, b record) bool { return a.key() < b.key() }
	return table{btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

// of is a record to look for.
func of(key string) record { return record{key, len(key)} }

func (t table) len() int { return t.tree.Len() }

func (t table) get(key string) (value string, ok bool) {
	r, ok := t.tree.Get(of(key))
	return r.value(), ok
}

// set puts a record whose text nobody else changes.
func (t table) set(r record) { t.tree.Set(r) }

func (t table) delete(key string) { t.tree.Delete(of(key)) }

// from yields what is at or behind a key, in the order of keys.
func (t table) from(key string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		t.tree.Ascend(of(key), func(r record) bool { return yield(r.key(), r.value()) })
	}
}

// scan yields what has the prefix, in the order of keys.
func (t table) scan(prefix string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for key, value := range t.from(prefix) {
			if !strings.HasPrefix(key, prefix) || !yield(key, value) {
				return
			}
		}
	}
}

// copy is made in constant time; what is changed in either isn't in the other.
func (t table) copy() table { return table{t.tree.Copy()} }
