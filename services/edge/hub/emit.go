package hub

import (
	"fmt"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
)

// emit sends an event of the session. done, if set, is called when Kafka has
// it, or has the announcement that stands in for it. mu is held.
func (c *client) emit(t schema.Type, data any, must bool, done func(ok bool)) {
	c.tell(outbox.Event{Type: t, Data: data, Must: must}, done)
}

// tell is emit for an event that may have waited already.
func (c *client) tell(ev outbox.Event, done func(ok bool)) {
	ev.Topic, ev.Key, ev.Done, ev.Refused = schema.TopicLifecycle, c.user, c.acknowledged(ev.Type, done), c.refused
	c.pending.Add(1)
	if !c.hub.cfg.Outbox.Add(ev) {
		c.pending.Add(-1)
		c.owe(done)
		c.hub.todo.announce(c, c.hub.cfg.Outbox.PartitionOf(c.user), c.hub.now()-ev.Waited)
	}
}

// maxOwed bounds the receipts that wait for one announcement. A client that
// asks for more while Kafka is away doesn't get them.
const maxOwed = 64

func (c *client) owe(done func(bool)) {
	if done != nil && len(c.owed) < maxOwed {
		c.owed = append(c.owed, done)
	}
}

// acknowledged wraps done for the outbox: it takes no lock of the hub.
func (c *client) acknowledged(t schema.Type, done func(bool)) func(bool) {
	return func(ok bool) {
		if done != nil {
			done(ok)
		}
		if !ok && vital(t) {
			c.unsaid.Store(true)
		}
		c.settle()
	}
}

// refused: Kafka will never take an event of the session. A log that can't be
// told of a session has it gone, so it ends; the loop does it, for this takes no
// lock of the hub.
func (c *client) refused(reason error) {
	c.hub.cfg.Logger.Error("session ends: the log can't be told of it",
		"session", c.id, "user", c.user, "edge", c.hub.cfg.Edge, "reason", reason)
	c.hub.todo.refused(c)
}

// settle notes that one thing less is pending. With the last the receipt of
// DISCONNECT is due; one that wouldn't be true doesn't come.
func (c *client) settle() {
	if c.pending.Add(-1) != 0 {
		return
	}
	receipt := c.bye.Load()
	if receipt == nil {
		return
	}
	var frame []byte
	if !c.unsaid.Load() {
		frame = receiptFrame(c.version, *receipt)
	}
	end := session.EndingOf(schema.ReasonClientDisconnect)
	c.conn.Close(end.Code, string(schema.ReasonClientDisconnect), frame)
}

// vital reports whether nothing makes good for an event that is lost. For what
// else a session tells, an announcement does.
func vital(t schema.Type) bool {
	return t == schema.TypeMessagePublished || t == schema.TypeSessionDisconnected
}

// announce tells the log of the whole session as it is now, which was due since
// then.
func (c *client) announce(since time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.live {
		return
	}
	owed := c.owed
	c.owed = nil
	c.announced = c.hub.now()
	c.hub.metrics.reannounced.Inc()
	c.tell(outbox.Event{Type: schema.TypeSessionConnected, Data: c.connected(true), Waited: c.announced - since}, allOf(owed))
}

func allOf(dones []func(bool)) func(bool) {
	if len(dones) == 0 {
		return nil
	}
	return func(ok bool) {
		for _, done := range dones {
			done(ok)
		}
	}
}

func receiptFrame(v stomp.Version, id string) []byte {
	return stomp.AppendFrame(nil, v, stomp.Receipt, nil, "receipt-id", id)
}

// confirm is the done of an event whose receipt needs no more than that.
func (c *client) confirm(receipt string) func(bool) {
	if receipt == "" {
		return nil
	}
	return func(ok bool) {
		if ok {
			c.sendReceipt(receipt)
		}
	}
}

// sendReceipt may be called with any lock held. A client whose queue is full
// of what it was told before is ended as slow when the next answer is due.
func (c *client) sendReceipt(id string) {
	if c.conn.Send(receiptFrame(c.version, id)) == transport.ErrSlow {
		c.hub.todo.slow(c)
	}
}

// publish sends a message to a channel. One that finds the outbox full is
// dropped: its receipt doesn't come, nor that of DISCONNECT.
func (c *client) publish(list []session.Action, a session.Publish) []session.Action {
	if n := jsonLen(string(a.Body)) + jsonLen(a.ContentType); n > maxMessage-4096 {
		return c.state.Fail(list, schema.ReasonTooLarge,
			fmt.Sprintf("the message has %d bytes as JSON, at most %d are allowed", n, maxMessage-4096), a.Receipt)
	}
	c.pending.Add(1)
	taken := c.hub.cfg.Outbox.Add(outbox.Event{
		Topic: schema.TopicChannelEvents, Key: a.Channel, Type: schema.TypeMessagePublished,
		Data: &schema.MessagePublished{Channel: a.Channel, User: c.user, Session: c.id, Edge: c.hub.cfg.Edge,
			ContentType: a.ContentType, Body: string(a.Body)},
		Done: c.acknowledged(schema.TypeMessagePublished, c.confirm(a.Receipt)), Refused: c.refused,
	})
	if taken {
		c.hub.metrics.published.Inc()
	} else {
		c.unsaid.Store(true)
		c.pending.Add(-1)
		c.hub.metrics.dropped.Inc()
	}
	return list
}

// jsonLen is how long a text is as a JSON string, at least as far as it matters:
// of a short one, how long it is if each byte is escaped.
func jsonLen(text string) int {
	if 6*len(text) <= maxMessage/4 {
		return 6 * len(text)
	}
	b, err := schema.Marshal(text)
	if err != nil {
		return maxMessage
	}
	return len(b)
}
