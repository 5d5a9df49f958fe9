package hub

import (
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/session"
)

// proof is what a token says beyond the user and the rights. Sessions of
// tokens that never expire have none.
type proof struct {
	entry            // in Hub.schedule
	request   string // the token of the HTTP request; it alone, and until CONNECT
	claims    map[string]any
	expiresAt schema.Time
	end       time.Duration // when it expires, as a time of the hub; 0: never
	noticed   bool          // the client was told so
}

// maxLife bounds how far ahead an end is counted.
const maxLife = 10 * 365 * 24 * time.Hour

// prove keeps what a token says, in the place of the one before. The host's
// clock is looked at here and never again: what it does later moves no end. mu
// is held.
func (c *client) prove(who auth.Identity) {
	if c.proof != nil {
		c.hub.schedule.remove(&c.proof.entry)
		c.proof = nil
	}
	if who.ExpiresAt.IsZero() && who.Claims == nil {
		return
	}
	c.proof = &proof{claims: who.Claims, entry: entry{client: c}}
	if who.ExpiresAt.IsZero() {
		return
	}
	p := c.proof
	p.expiresAt = schema.At(who.ExpiresAt)
	p.end = c.hub.now() + min(time.Until(who.ExpiresAt), maxLife)
	c.hub.schedule.set(&p.entry, p.next(c.hub.cfg.ExpiryNotice))
}

// next is when something is to be done: the notice, then the end.
func (p *proof) next(notice time.Duration) time.Duration {
	if p.noticed {
		return p.end
	}
	return p.end - notice
}

// sweepExpiry does what has fallen due.
func (h *Hub) sweepExpiry() {
	now := h.now()
	for e := h.schedule.due(now); e != nil; e = h.schedule.due(now) {
		e.client.expire(now)
	}
}

// expire tells the client that its token is about to expire, or ends the
// session when it has.
func (c *client) expire(now time.Duration) {
	c.act(func(dst []session.Action) []session.Action {
		p := c.proof
		switch {
		case !c.live || p == nil || p.end == 0 || now < p.next(c.hub.cfg.ExpiryNotice): // ended, or renewed meanwhile
		case now >= p.end:
			return c.state.Fail(dst, schema.ReasonTokenExpired, "the token has expired, and no new one was sent to /app/session/refresh", "")
		default:
			p.noticed = true
			c.hub.schedule.set(&p.entry, p.end)
			c.tellClosing(c.subs, "")
		}
		return dst
	})
}

// dropProof forgets it with the session. mu is held.
func (c *client) dropProof() {
	if c.proof != nil {
		c.hub.schedule.remove(&c.proof.entry)
		c.proof = nil
	}
}
