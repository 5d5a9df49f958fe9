package fold

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// change is a value put over a base, or the mark of its deletion.
type change[V any] struct {
	value   V
	deleted bool
}

// layered is a table, whose values have to be loaded, with changes over it. It
// may be changed while it is scanned: a scan sees what is put ahead of it.
type layered[V any] struct {
	base table
	load func(key, value string) V
	over btree.Map[string, change[V]]
}

func (l *layered[V]) get(key string) (v V, ok bool) {
	if c, ok := l.over.Get(key); ok {
		return c.value, !c.deleted
	}
	value, ok := l.base.get(key)
	if !ok {
		return v, false
	}
	return l.load(key, value), true
}

func (l *layered[V]) has(key string) bool {
	if c, ok := l.over.Get(key); ok {
		return !c.deleted
	}
	_, ok := l.base.get(key)
	return ok
}

func (l *layered[V]) put(key string, v V) { l.over.Set(key, change[V]{value: v}) }

func (l *layered[V]) delete(key string) { l.over.Set(key, change[V]{deleted: true}) }

// scan yields what has the prefix, in key order.
func (l *layered[V]) scan(prefix string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		c := cursor[V]{over: &l.over, prefix: prefix, yield: yield}
		for key, value := range l.base.scan(prefix) {
			if !c.upTo(key) {
				return
			}
			changed, ok := l.over.Get(key)
			switch {
			case !ok:
				changed.value = l.load(key, value)
			case changed.deleted:
				continue
			}
			if !yield(key, changed.value) {
				return
			}
		}
		c.rest()
	}
}

// cursor walks the changes between the keys of the base. It seeks for each
// step, so that the changes may change under it.
type cursor[V any] struct {
	over   *btree.Map[string, change[V]]
	prefix string
	yield  func(string, V) bool
	after  string
	begun  bool
}

// upTo yields the changes after the last call's key and before this one.
func (c *cursor[V]) upTo(key string) bool {
	for {
		next, v, ok := c.next()
		if !ok || next >= key {
			c.after, c.begun = key, true
			return true
		}
		if !c.pass(next, v) {
			return false
		}
	}
}

func (c *cursor[V]) rest() {
	for {
		next, v, ok := c.next()
		if !ok || !c.pass(next, v) {
			return
		}
	}
}

func (c *cursor[V]) pass(key string, v change[V]) bool {
	c.after, c.begun = key, true
	return v.deleted || c.yield(key, v.value)
}

func (c *cursor[V]) next() (key string, v change[V], ok bool) {
	if c.over.Len() == 0 {
		return "", v, false
	}
	pivot := c.prefix
	if c.begun {
		pivot = c.after
	}
	c.over.Ascend(pivot, func(k string, x change[V]) bool {
		if c.begun && k == c.after {
			return true
		}
		key, v, ok = k, x, strings.HasPrefix(k, c.prefix)
		return false
	})
	return key, v, ok
}
