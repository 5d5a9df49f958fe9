// Package pack is the compact form in which folds keep entities in memory:
// numbers of variable length and texts behind their length, one after the
// other, without names. Reader takes apart what Writer has made, in the same
// order; it is not for what comes from elsewhere.
package pack

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// Writer appends values to bytes.
type Writer []byte

// Number appends a number; small ones are short.
func (w *Writer) Number(n int64) { *w = binary.AppendVarint(*w, n) }

// Text appends a text.
func (w *Writer) Text(s string) { *w = append(binary.AppendUvarint(*w, uint64(len(s))), s...) }

// Flag appends a yes or no.
func (w *Writer) Flag(yes bool) {
	if yes {
		w.Number(1)
	} else {
		w.Number(0)
	}
}

// Time appends a time with the resolution of events.
func (w *Writer) Time(t schema.Time) { w.Number(t.UnixMilli()) }

// Meta appends a meta, whose order is that of its keys.
func (w *Writer) Meta(m schema.Meta) {
	w.Number(int64(len(m)))
	if len(m) == 1 {
		for key, value := range m {
			w.Text(key)
			w.Text(value)
		}
		return
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		w.Text(key)
		w.Text(m[key])
	}
}

// Reader is what is left to read. The texts it returns are parts of it.
type Reader string

// Number reads a number.
func (r *Reader) Number() int64 {
	n := r.length()
	return int64(n>>1) ^ -int64(n&1) // zigzag, as binary.AppendVarint
}

func (r *Reader) length() uint64 {
	var n uint64
	for i := 0; ; i++ {
		c := (*r)[i]
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			*r = (*r)[i+1:]
			return n
		}
	}
}

// Text reads a text.
func (r *Reader) Text() string {
	n := r.length()
	s := string((*r)[:n])
	*r = (*r)[n:]
	return s
}

// Flag reads a yes or no.
func (r *Reader) Flag() bool { return r.Number() != 0 }

// Time reads a time.
func (r *Reader) Time() schema.Time { return schema.Time{Time: time.UnixMilli(r.Number()).UTC()} }

// Meta reads a meta, nil for an empty one.
func (r *Reader) Meta() schema.Meta {
	n := r.Number()
	if n == 0 {
		return nil
	}
	m := make(schema.Meta, n)
	for range n {
		key := r.Text()
		m[key] = r.Text()
	}
	return m
}
