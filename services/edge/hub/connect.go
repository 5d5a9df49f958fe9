package hub

import (
	"errors"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/session"

	"github.com/oklog/ulid/v2"
)

// connect admits a client: who it is, session.connected, CONNECTED. It doesn't
// wait for Kafka, so that connections are taken while Kafka is away and the
// outbox has room.
func (c *client) connect(list []session.Action, a session.Connect) []session.Action {
	h := c.hub
	// A heart-beat before CONNECTED ends go-stomp: it takes it for the answer.
	c.conn.KeepAlive(false)
	c.beats = a.HeartBeat.Send > 0
	shown := auth.Credentials{Login: a.Credentials.Login, Passcode: a.Credentials.Passcode, Authorization: a.Credentials.Authorization}
	if c.proof != nil {
		shown.Request, c.proof = c.proof.request, nil
	}
	who, err := c.authenticate(shown)
	switch {
	case c.ended:
		return list
	case errors.Is(err, auth.ErrRefused):
		return c.state.Fail(list, reasonOf(err), err.Error(), "")
	case err != nil:
		return c.state.Fail(list, schema.ReasonServerShutdown, "who you are can't be found out just now", "")
	}
	c.id, c.user, c.version = ulid.Make().String(), who.User, a.Version
	c.say(self{meta: a.Meta})
	c.begun = h.now()
	h.sessions.add(c)
	if h.draining.Load() { // looked at after add: Drain looks the other way round
		h.sessions.remove(c)
		return c.state.Fail(list, schema.ReasonServerShutdown, "the server is going down for a restart", "")
	}
	c.live = true
	c.prove(who)
	h.metrics.connects.Inc()
	h.cfg.Logger.Debug("session connected", "session", c.id, "user", c.user, "edge", h.cfg.Edge)
	c.announced = c.begun
	c.emit(schema.TypeSessionConnected, c.connected(false), false, nil)
	return c.state.Accept(list, c.id, c.user, who.May)
}

// connected is the session as the log is told of it. With reannounced it is
// the whole present state. mu is held.
func (c *client) connected(reannounced bool) *schema.SessionConnected {
	d := &schema.SessionConnected{
		Ref:              c.ref(),
		Protocol:         "stomp/" + c.version.String() + "+" + c.conn.Protocol(),
		RemoteAddr:       c.conn.RemoteAddr(),
		UserAgent:        c.agent.Value(),
		ConnectedAt:      schema.At(c.hub.origin.Add(c.begun)),
		MailboxPartition: c.hub.cfg.MailboxPartition,
		Reannounced:      reannounced,
	}
	if c.self != nil {
		d.Meta, d.Status = c.self.meta, c.self.status
	}
	if c.proof != nil {
		d.Claims, d.ExpiresAt = c.proof.claims, c.proof.expiresAt
	}
	if reannounced {
		for _, s := range c.state.Subscriptions() {
			if s.Channel != "" {
				d.Subscriptions = append(d.Subscriptions, s)
			}
		}
	}
	return d
}

// disconnect ends the session as the client asked. Its receipt says that all
// it has sent is in the log, the end included: it holds pending until the end
// counts there too, so that no acknowledgement on its way answers before.
func (c *client) disconnect(a session.Disconnect) {
	c.pending.Add(1)
	defer c.settle()
	if a.Receipt != "" {
		c.bye.Store(&a.Receipt)
	}
	end := session.EndingOf(schema.ReasonClientDisconnect)
	c.end(schema.ReasonClientDisconnect, end.Code, "")
	if a.Receipt == "" {
		c.conn.Close(end.Code, string(schema.ReasonClientDisconnect), nil)
	}
}

// end ends the session, once: whatever comes first names the reason. mu is held.
func (c *client) end(reason schema.Reason, code int, detail string) {
	if c.ended {
		return
	}
	c.ended = true
	if !c.live {
		return // it never began
	}
	c.live = false
	h := c.hub
	h.sessions.remove(c)
	for _, s := range c.subs {
		h.detach(s)
	}
	c.subs, c.owed = nil, nil
	c.dropProof()
	h.todo.dropSession(c, h.cfg.Outbox.PartitionOf(c.user))
	stats := c.conn.Stats()
	note := ""
	if reason == schema.ReasonKicked {
		note = detail
	}
	c.emit(schema.TypeSessionDisconnected, &schema.SessionDisconnected{
		Ref: c.ref(), Reason: reason, Initiator: session.EndingOf(reason).Initiator, CloseCode: code, Clean: reason.Clean(code),
		DurationMS: (h.now() - c.begun).Milliseconds(),
		FramesIn:   int64(stats.MessagesIn), FramesOut: int64(stats.MessagesOut),
		BytesIn: int64(stats.BytesIn), BytesOut: int64(stats.BytesOut), Note: note,
	}, true, nil)
	h.metrics.ended(reason, stats)
	h.cfg.Logger.Debug("session disconnected", "session", c.id, "user", c.user, "edge", h.cfg.Edge,
		"reason", reason, "close_code", code, "detail", detail, "lasted", (h.now() - c.begun).Round(time.Millisecond))
}
