package hub

import (
	"context"
	"errors"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/session"
)

// authenticate asks who somebody is. That may wait for the network, and who
// works off what is due must not wait with it: mu, which is held, is free
// meanwhile. So the session may have ended when it returns.
func (c *client) authenticate(shown auth.Credentials) (auth.Identity, error) {
	c.mu.Unlock()
	defer c.mu.Lock()
	ctx, cancel := context.WithTimeout(context.Background(), authTimeout)
	defer cancel()
	who, err := c.hub.cfg.Auth.Authenticate(ctx, shown)
	switch {
	case errors.Is(err, auth.ErrExpired):
		c.hub.metrics.refused.WithLabelValues("expired").Inc()
	case errors.Is(err, auth.ErrRefused):
		c.hub.metrics.refused.WithLabelValues("refused").Inc()
	case err != nil:
		c.hub.metrics.refused.WithLabelValues("unknown").Inc()
		c.hub.cfg.Logger.Debug("somebody can't be authenticated just now", "reason", err)
	}
	return who, err
}

// reasonOf is why somebody whose identity was refused may not come in.
func reasonOf(err error) schema.Reason {
	if errors.Is(err, auth.ErrExpired) {
		return schema.ReasonTokenExpired
	}
	return schema.ReasonPolicyViolation
}

// refresh goes on under a new token. One that is refused ends the session: who
// sends it has lost track of who it is. One that can't be checked just now
// changes nothing, and has no receipt.
func (c *client) refresh(list []session.Action, a session.Refresh) []session.Action {
	who, err := c.authenticate(auth.Credentials{Passcode: a.Credentials.Passcode, Authorization: a.Credentials.Authorization})
	switch {
	case !c.live:
		return list
	case errors.Is(err, auth.ErrRefused):
		return c.state.Fail(list, reasonOf(err), "refresh: "+err.Error(), a.Receipt)
	case err != nil:
		if c.proof != nil && c.proof.end != 0 {
			c.tellClosing(c.subs, "the new token can't be checked just now: send it again")
		}
		return c.state.Keep(list)
	case who.User != c.user:
		return c.state.Fail(list, schema.ReasonPolicyViolation, "refresh: the token is of another user", a.Receipt)
	}
	c.prove(who)
	return c.state.Renew(list, who.May, a.Receipt)
}

// withdraw ends a subscription that the new token doesn't cover. mu is held.
func (c *client) withdraw(a session.Withdraw) {
	c.unsubscribe(session.Unsubscribe{Subscription: a.Subscription})
	c.tellWithdrawn(a.Subscription)
}

// renewed tells the log of the session as it is under the new token. mu is held.
func (c *client) renewed(a session.Renewed) {
	c.announced = c.hub.now()
	c.hub.metrics.reannounced.Inc()
	c.tell(outbox.Event{Type: schema.TypeSessionConnected, Data: c.connected(true)}, c.confirm(a.Receipt))
}
