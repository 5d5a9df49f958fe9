package hub

import (
	"container/heap"
	"sync"
	"time"
)

// schedule has the times at which something falls due for sessions, the
// earliest first; a session has one entry at most. So time costs an idle session
// neither a timer nor a look. Its mu is a leaf.
type schedule struct {
	mu      sync.Mutex
	entries byTime
}

// entry of a schedule. It stands in what it is about.
type entry struct {
	client *client
	at     time.Duration // a time of the hub
	place  int           // in the heap, plus 1; 0: not in it
}

// set puts an entry in, or moves it to another time.
func (s *schedule) set(e *entry, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.at = at
	if e.place == 0 {
		heap.Push(&s.entries, e)
		return
	}
	heap.Fix(&s.entries, e.place-1)
}

// remove takes an entry out, if it is in.
func (s *schedule) remove(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.place > 0 {
		heap.Remove(&s.entries, e.place-1)
	}
}

// due takes out the first entry if its time has come; nil: it has not.
func (s *schedule) due(now time.Duration) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) == 0 || s.entries[0].at > now {
		return nil
	}
	return heap.Pop(&s.entries).(*entry)
}

// byTime implements heap.Interface.
type byTime []*entry

func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].at < b[j].at }

func (b byTime) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].place, b[j].place = i+1, j+1
}

// Push is heap's.
func (b *byTime) Push(v any) {
	e := v.(*entry)
	*b = append(*b, e)
	e.place = len(*b)
}

// Pop is heap's.
func (b *byTime) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	e.place = 0
	return e
}
