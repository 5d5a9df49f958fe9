package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// What there is to be seen.
const (
	expired = iota
	ended
	left
	kinds
)

var bars = [kinds]struct {
	name   string
	within time.Duration
}{
	expired: {"edge.expired", lease + time.Second},
	ended:   {"session.disconnected", lease + grace + 2*time.Second},
	left:    {"left, at subscribers", lease + grace + 2*time.Second},
}

// tally is how many of a kind were seen, and when.
type tally struct {
	count       int
	first, last time.Time
}

// news counts what is seen of the death, each thing once.
type news struct {
	want int // sessions

	mu   sync.Mutex
	seen [kinds]tally
	once map[string]bool
	all  chan struct{} // closed once everybody is told as gone
}

func newNews(want int) *news {
	return &news{want: want, once: map[string]bool{}, all: make(chan struct{})}
}

func (n *news) note(kind int, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.once[id] {
		return
	}
	n.once[id] = true
	t := &n.seen[kind]
	t.last = time.Now()
	if t.count++; t.count == 1 {
		t.first = t.last
	}
	if n.seen[ended].count == n.want && n.seen[left].count == n.want && (kind == ended || kind == left) {
		close(n.all)
	}
}

// until is what was seen when all was, or then.
func (n *news) until(deadline time.Time) [kinds]tally {
	select {
	case <-n.all:
	case <-time.After(time.Until(deadline)):
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen
}

// frame takes what a watcher is sent.
func (n *news) frame(frame []byte) {
	_, body, ok := bytes.Cut(frame, []byte("\n\n"))
	if !ok || !bytes.Contains(body, []byte(schema.ClientPresenceDiff)) {
		return
	}
	var diff schema.PresenceDiff
	if json.Unmarshal(bytes.TrimRight(body, "\x00"), &diff) != nil {
		return
	}
	for _, d := range diff.Left {
		n.note(left, "left "+d.User)
	}
}

// read takes what is written to a partition of session.lifecycle.
func (n *news) read(ctx context.Context, r *bus.Reader) {
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return
		}
		for _, rec := range b.Records {
			switch _, data, _ := schema.Decode(rec.Value); d := data.(type) {
			case *schema.EdgeExpired:
				n.note(expired, fmt.Sprint("expired in ", rec.Partition))
			case *schema.SessionDisconnected:
				if d.Reason == schema.ReasonEdgeLost {
					n.note(ended, d.Session)
				}
			}
		}
	}
}
