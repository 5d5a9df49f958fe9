package hub

import (
	"hash/maphash"
	"iter"
	"sync"
	"sync/atomic"
)

// shards is into how many parts sessions and channels fall.
const shards = 256

var seed = maphash.MakeSeed()

func shardOf(key string) uint64 { return maphash.String(seed, key) % shards }

// registry holds the live sessions by id.
type registry struct {
	n     atomic.Int64
	parts [shards]struct {
		mu   sync.Mutex
		byID map[string]*client
	}
}

func (r *registry) init() {
	for i := range r.parts {
		r.parts[i].byID = map[string]*client{}
	}
}

func (r *registry) add(c *client) {
	p := &r.parts[shardOf(c.id)]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byID[c.id] = c
	r.n.Add(1)
}

func (r *registry) remove(c *client) {
	p := &r.parts[shardOf(c.id)]
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byID, c.id)
	r.n.Add(-1)
}

func (r *registry) get(id string) *client {
	p := &r.parts[shardOf(id)]
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byID[id]
}

func (r *registry) len() int { return int(r.n.Load()) }

// all are the sessions at this moment; no lock is held while one is looked at.
func (r *registry) all() iter.Seq[*client] {
	return func(yield func(*client) bool) {
		var some []*client
		for i := range r.parts {
			p := &r.parts[i]
			p.mu.Lock()
			some = some[:0]
			for _, c := range p.byID {
				some = append(some, c)
			}
			p.mu.Unlock()
			for _, c := range some {
				if !yield(c) {
					return
				}
			}
		}
	}
}
