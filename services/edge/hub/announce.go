package hub

import (
	"hash/crc32"
	"time"

	"rollcall.dev/events/schema"
)

// Entered begins an epoch that the outbox and the mailbox have entered already:
// every session is announced, every interest declared anew, and after them
// edge.started is written, partition by partition, as there is room. In an
// epoch without sessions it goes out at once.
func (h *Hub) Entered(epoch int64) {
	now := h.now()
	for c := range h.sessions.all() {
		h.todo.announce(c, h.cfg.Outbox.PartitionOf(c.user), now)
	}
	for ch := range h.channels.all() {
		h.todo.ask(ch, h.cfg.Outbox.PartitionOf(ch.name))
	}
	h.todo.begin(epoch)
	h.workOff()
}

// workOff does what there is room for. A partition that is stuck holds up
// nothing but itself. An announcement that was taken off its set is on its way
// before anybody finds the set empty: edge.started comes after it.
func (h *Hub) workOff() {
	h.working.Lock()
	defer h.working.Unlock()
	failAll(h, h.todo.tooSlow, schema.ReasonSlowConsumer, "what is sent is not read fast enough")
	failAll(h, h.todo.tooLarge, schema.ReasonTooLarge, "the session is too large to be told of")
	for p := range h.cfg.Outbox.Partitions() {
		h.announceOwed(p)
		h.askOwed(p)
	}
}

// failAll ends the sessions of a set.
func failAll(h *Hub, set map[*client]struct{}, reason schema.Reason, detail string) {
	for c, ok := take(&h.todo, set); ok; c, ok = take(&h.todo, set) {
		c.Fail(reason, detail)
	}
}

// announceOwed tells a partition of session.lifecycle of sessions, and after
// the last that the epoch has started.
func (h *Hub) announceOwed(p int) {
	for h.cfg.Outbox.Room(schema.TopicLifecycle, int32(p)) {
		c, since, ok := h.todo.takeOwed(p)
		if !ok {
			break
		}
		c.announce(since)
	}
	h.todo.settled()
	start(h, schema.TopicLifecycle, p, h.todo.sessions[p])
}

// askOwed is the same for interests in a partition of channel.events.
func (h *Hub) askOwed(p int) {
	for h.cfg.Outbox.Room(schema.TopicChannelEvents, int32(p)) {
		ch, ok := take(&h.todo, h.todo.channels[p])
		if !ok {
			break
		}
		h.askAnew(ch)
	}
	start(h, schema.TopicChannelEvents, p, h.todo.channels[p])
}

// start writes edge.started into a partition if it is due and nothing is left
// to be told before it.
func start[K comparable, V any](h *Hub, topic string, p int, before map[K]V) {
	if epoch, ok := dueStarted(&h.todo, topic, p, before); ok {
		h.cfg.Outbox.AddStarted(topic, int32(p), epoch)
	}
}

func (h *Hub) askAnew(ch *channel) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if !ch.gone {
		h.ask(ch)
	}
}

// sweepAsking asks again for what got no answer.
func (h *Hub) sweepAsking() {
	now := h.now()
	for _, ch := range copyOf(&h.todo, h.todo.asking) {
		ch.mu.Lock()
		switch {
		case ch.gone || ch.roster.Settled():
			forget(&h.todo, h.todo.asking, ch)
		case ch.due(now):
			h.todo.ask(ch, h.cfg.Outbox.PartitionOf(ch.name))
		}
		ch.mu.Unlock()
	}
}

// sweepBehind gives those that are behind a new state.
func (h *Hub) sweepBehind() {
	now := h.now()
	for _, ch := range copyOf(&h.todo, h.todo.behind) {
		forget(&h.todo, h.todo.behind, ch) // before: one may fall behind meanwhile
		if h.catchUp(ch, now) {
			h.todo.fallBehind(ch)
		}
	}
}

// markAged has sessions announced of which the log was last told long ago. It
// is called often enough that they fall due spread out, each at its own time.
func (h *Hub) markAged() {
	now := h.now()
	for c := range h.sessions.all() {
		c.mu.Lock()
		aged := c.live && now-c.announced >= h.patience(c.id)
		c.mu.Unlock()
		if aged {
			h.todo.announce(c, h.cfg.Outbox.PartitionOf(c.user), now)
		}
	}
}

// patience is about three quarters to all of the time between announcements,
// less what the next look may be late by.
func (h *Hub) patience(id string) time.Duration {
	spread := time.Duration(crc32.ChecksumIEEE([]byte(id)) % 1024)
	return h.cfg.Reannounce * (3*1024 + spread) / (4*1024 + 128)
}
