package hub

import (
	"time"

	"rollcall.dev/events/schema"

	"github.com/oklog/ulid/v2"
)

const queueSession = "/user/queue/session"

// notice delivers something about the session itself to those of the
// subscriptions that are to its queue. mu is held.
func (c *client) notice(to []*subscription, event string, body any) {
	text, err := schema.Marshal(body)
	if err != nil {
		c.hub.cfg.Logger.Error("notice can't be written", "event", event, "reason", err)
		return
	}
	c.queue(to, queueSession, &frame{event: event, body: text, id: ulid.Make().String()})
}

// queue puts a frame into the client's queue for each of the subscriptions that
// is to one destination. A client that has no room for it is too slow. mu is
// held.
func (c *client) queue(to []*subscription, destination string, f *frame) {
	for _, s := range to {
		if s.destination == destination && s.send(f) != nil {
			c.hub.todo.slow(c)
		}
	}
}

// tellClosing says when the token expires. mu is held.
func (c *client) tellClosing(to []*subscription, note string) {
	c.notice(to, schema.ClientSessionClosing, schema.SessionClosing{Type: schema.ClientSessionClosing,
		Reason: schema.ReasonTokenExpired, At: c.proof.expiresAt, Note: note})
}

// remind gives a new subscription to the session's queue what was told before
// it, if that still holds. mu is held.
func (c *client) remind(s *subscription) {
	if c.proof != nil && c.proof.noticed {
		c.tellClosing([]*subscription{s}, "")
	}
}

// tellWithdrawn says that a subscription has ended. mu is held.
func (c *client) tellWithdrawn(s schema.Subscription) {
	c.notice(c.subs, schema.ClientUnsubscribed, schema.Unsubscribed{Type: schema.ClientUnsubscribed,
		Subscription: s.ID, Destination: s.Destination, Reason: schema.ReasonPolicyViolation, At: schema.At(time.Now()),
		Note: "the new token does not cover it"})
}
