package hub

import (
	"slices"
	"sync/atomic"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
)

// subscription is one of a client.
type subscription struct {
	client      *client
	channel     *channel // nil: a queue of the session itself
	id          string
	destination string

	// Of the channel's mu.
	place   int           // in channel.subs
	has     bool          // was given a state
	partial bool          // a truncated one
	behind  time.Duration // since when its queue has no room; 0: it isn't behind
	receipt *receipt      // waits for the state
}

// receipt is answered when both of what it confirms hold: the event is in the
// log, and the state was delivered.
type receipt struct {
	client *client
	id     string
	open   atomic.Int32
}

func (r *receipt) step() {
	if r.open.Add(-1) == 0 {
		r.client.sendReceipt(r.id)
	}
}

// acknowledged is the done of the event, nil for no receipt.
func (r *receipt) acknowledged() func(bool) {
	if r == nil {
		return nil
	}
	return func(ok bool) {
		if ok {
			r.step()
		}
	}
}

func (c *client) subscribe(a session.Subscribe) {
	s := &subscription{client: c, id: a.ID, destination: a.Destination}
	c.subs = append(c.subs, s)
	if a.Local() {
		if a.Receipt != "" {
			c.sendReceipt(a.Receipt)
		}
		if a.Destination == queueSession {
			c.remind(s)
		}
		return
	}
	if a.Receipt != "" {
		s.receipt = &receipt{client: c, id: a.Receipt}
		s.receipt.open.Store(2)
	}
	c.emit(schema.TypeSessionSubscribed, &schema.SessionSubscribed{Ref: c.ref(), Subscription: a.Subscription},
		false, s.receipt.acknowledged())
	c.hub.attach(s, a.Channel)
}

func (c *client) unsubscribe(a session.Unsubscribe) {
	i := slices.IndexFunc(c.subs, func(s *subscription) bool { return s.id == a.ID })
	if i < 0 {
		return
	}
	s := c.subs[i]
	if c.subs = slices.Delete(c.subs, i, i+1); len(c.subs) == 0 {
		c.subs = nil
	}
	if a.Local() {
		if a.Receipt != "" {
			c.sendReceipt(a.Receipt)
		}
		return
	}
	c.hub.detach(s)
	c.emit(schema.TypeSessionUnsubscribed, &schema.SessionUnsubscribed{Ref: c.ref(), Subscription: a.Subscription},
		false, c.confirm(a.Receipt))
}
