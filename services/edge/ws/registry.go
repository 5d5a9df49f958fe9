package ws

import "sync"

// buckets is into how many parts the connections fall; each is swept at its
// own moment of the interval.
const buckets = 64

// registry holds the open connections.
type registry [buckets]bucket

type bucket struct {
	mu    sync.Mutex
	conns []*conn
}

func (r *registry) add(c *conn, turn uint32) {
	c.bucket = uint8(turn % buckets)
	b := &r[c.bucket]
	b.mu.Lock()
	defer b.mu.Unlock()
	c.place = int32(len(b.conns))
	b.conns = append(b.conns, c)
}

func (r *registry) remove(c *conn) {
	b := &r[c.bucket]
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.conns) - 1
	moved := b.conns[last]
	b.conns[c.place], moved.place = moved, c.place
	b.conns[last] = nil
	b.conns = b.conns[:last]
}

func (r *registry) len() int {
	n := 0
	for i := range r {
		r[i].mu.Lock()
		n += len(r[i].conns)
		r[i].mu.Unlock()
	}
	return n
}

func (r *registry) snapshot() []*conn {
	var all []*conn
	for i := range r {
		r[i].mu.Lock()
		all = append(all, r[i].conns...)
		r[i].mu.Unlock()
	}
	return all
}
