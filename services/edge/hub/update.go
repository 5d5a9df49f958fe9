package hub

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
)

// self is what a client says about itself. Most say nothing.
type self struct {
	meta   schema.Meta
	status string
}

// say keeps what is said until it is said anew. mu is held.
func (c *client) say(s self) {
	c.self = nil
	if len(s.meta) > 0 || s.status != "" {
		c.self = &s
	}
}

// update tells the log what the client now says of itself. mu is held.
func (c *client) update(a session.Update) {
	var now self
	if c.self != nil {
		now = *c.self
	}
	if a.Meta != nil {
		now.meta = a.Meta
	}
	if a.Status != nil {
		now.status = *a.Status
	}
	c.say(now)
	c.emit(schema.TypeSessionUpdated, &schema.SessionUpdated{Ref: c.ref(), Meta: now.meta, Status: now.status}, false, c.confirm(a.Receipt))
}
