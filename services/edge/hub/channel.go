package hub

import (
	"container/list"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/roster"
)

// channel is one with local subscribers, or one that lingers after the last.
type channel struct {
	name string
	idle *list.Element // in Hub.lingering; nil: it has subscribers. Of the shard's mu

	mu      sync.Mutex
	roster  *roster.Roster
	subs    []*subscription
	waiting []*subscription // with a receipt that waits for a settled state
	state   frame           // of the snapshot last given
	gone    bool
	asked   bool         // the newest question was taken by the outbox
	answer  atomic.Int64 // when Kafka had the question, as a time of the hub; 0: not yet
}

// channels holds them by name. A channel is made and forgotten under its
// shard's mu, and that is where interest is declared and withdrawn: so the
// log has both in the order in which they were true.
type channels [shards]shard

type shard struct {
	mu     sync.Mutex
	byName map[string]*channel
}

func (cs *channels) init() {
	for i := range cs {
		cs[i].byName = map[string]*channel{}
	}
}

func (cs *channels) of(name string) *shard { return &cs[shardOf(name)] }

// all are the channels at this moment; no lock is held while one is looked at.
func (cs *channels) all() iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		var some []*channel
		for i := range cs {
			cs[i].mu.Lock()
			some = some[:0]
			for _, ch := range cs[i].byName {
				some = append(some, ch)
			}
			cs[i].mu.Unlock()
			for _, ch := range some {
				if !yield(ch) {
					return
				}
			}
		}
	}
}

// attach puts a subscription into its channel and gives it the state, if it is
// there. The first of a channel asks for it.
func (h *Hub) attach(s *subscription, name string) {
	sh := h.channels.of(name)
	sh.mu.Lock()
	ch := sh.byName[name]
	if ch == nil {
		ch = &channel{name: name}
		sh.byName[name] = ch
		h.takeUp(ch)
	} else if ch.idle != nil {
		h.takeUp(ch)
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	sh.mu.Unlock()
	s.channel, s.place = ch, len(ch.subs)
	ch.subs = append(ch.subs, s)
	if s.receipt != nil {
		ch.waiting = append(ch.waiting, s)
	}
	if ch.roster == nil {
		h.ask(ch)
		return
	}
	if ch.roster.Live() {
		h.give(s)
		ch.confirm()
	}
}

// detach takes a subscription out of its channel, which after the last one
// lingers.
func (h *Hub) detach(s *subscription) {
	if s.channel != nil && h.leave(s.channel, s) {
		h.expelUntil(never) // those that are too many
	}
}

// leave reports whether it was the last.
func (h *Hub) leave(ch *channel, s *subscription) (last bool) {
	sh := h.channels.of(ch.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	ch.mu.Lock()
	defer ch.mu.Unlock()
	end := len(ch.subs) - 1
	moved := ch.subs[end]
	ch.subs[s.place], moved.place = moved, s.place
	ch.subs[end] = nil
	ch.subs = ch.subs[:end]
	ch.confirm()
	if end == 0 {
		h.forsake(sh, ch)
	}
	return end == 0
}

// ask declares interest in a channel, or does so again. The channel's mu is held.
func (h *Hub) ask(ch *channel) {
	request := h.requests.Add(1)
	if ch.roster == nil {
		ch.roster = roster.New(ch.name, request, h.cfg.Limits)
	} else {
		ch.roster.Ask(request)
	}
	ch.answer.Store(0)
	ch.asked = h.cfg.Outbox.Add(outbox.Event{
		Topic: schema.TopicChannelEvents, Key: ch.name, Type: schema.TypeEdgeInterested,
		Data: &schema.EdgeInterested{Channel: ch.name, Edge: h.cfg.Edge, MailboxPartition: h.cfg.MailboxPartition, Request: request},
		Done: func(bool) { ch.answer.Store(int64(max(h.now(), 1))) },
	})
	h.todo.awaitAnswer(ch)
}

// withdraw ends the interest in a channel. A refused event costs no more than
// deliveries for a channel without subscribers, which withdraw again. The
// shard's mu is held.
func (h *Hub) withdraw(name string) {
	h.cfg.Outbox.Add(outbox.Event{
		Topic: schema.TopicChannelEvents, Key: name, Type: schema.TypeEdgeUninterested,
		Data: &schema.EdgeUninterested{Channel: name, Edge: h.cfg.Edge},
	})
}

// due reports whether the question should be put again: it found the outbox
// full, or Kafka has had it for long. The channel's mu is held.
func (ch *channel) due(now time.Duration) bool {
	answer := time.Duration(ch.answer.Load())
	return !ch.asked || answer != 0 && now-answer >= askAgain
}

// confirm answers the receipts that wait for a state, as far as it is there and
// nothing after it can be missed. The channel's mu is held.
func (ch *channel) confirm() {
	if len(ch.waiting) == 0 {
		return
	}
	settled := ch.roster.Settled()
	kept := ch.waiting[:0]
	for _, s := range ch.waiting {
		withdrawn := s.place >= len(ch.subs) || ch.subs[s.place] != s
		if withdrawn || settled && s.has && s.behind == 0 {
			s.receipt.step()
			continue
		}
		kept = append(kept, s)
	}
	clear(ch.waiting[len(kept):])
	if ch.waiting = kept; len(kept) == 0 {
		ch.waiting = nil
	}
}
