package stream_test

import (
	"bytes"
	"sync"
)

// halt has a client stand still, as a stopped process does, at one of its steps:
// what it then writes or asks for arrives when it is woken. A step is a write to
// a log but that of heartbeats, a read of the input or the changelog, or a claim
// of the changelog's writer.
type halt struct {
	topics []string // that make a step
	before int      // the step, from 0, that it stands before
	woken  chan struct{}

	mu    sync.Mutex
	steps []string // those that went through, and the one that it stands before
	wake  func()
}

// Kinds of requests that are steps, beside produces and fetches.
const (
	asksOffsets int16 = 2
	claims      int16 = 22 // InitProducerId
)

var stepNames = map[int16]string{produces: "write to ", fetches: "read of ", asksOffsets: "offsets of ", claims: "claim"}

// halt stands a client still before its n-th step from now on, until it is woken.
func (n *wires) halt(client string, before int, topics ...string) *halt {
	h := &halt{topics: topics, before: before, woken: make(chan struct{})}
	h.wake = sync.OnceFunc(func() {
		n.mu.Lock()
		delete(n.halts, client)
		n.mu.Unlock()
		close(h.woken)
	})
	n.mu.Lock()
	n.halts[client] = h
	n.mu.Unlock()
	return h
}

// stops reports that a request has to wait. The group's requests never do:
// kafka-go waits for those with a lock, and the bubble's time stands still.
func (h *halt) stops(api int16, data []byte) bool {
	name, ok := stepNames[api]
	if !ok {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.steps) > h.before {
		return true
	}
	for _, topic := range h.topics {
		if api == claims || bytes.Contains(data, []byte(topic)) {
			if api != claims {
				name += topic
			}
			h.steps = append(h.steps, name)
			break
		}
	}
	return len(h.steps) > h.before
}

// stands reports whether the client stands, and the steps up to there.
func (h *halt) stands() (bool, []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.steps) > h.before, h.steps
}
