package hub

import (
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/mailbox"
)

const queueMessages = "/user/queue/messages"

// command carries out what the log asks of a session here. One that has ended
// meanwhile needs nothing more.
func (h *Hub) command(cmd *mailbox.Command) {
	c := h.sessions.get(cmd.Session)
	if c == nil || c.user != cmd.User {
		return
	}
	switch cmd.Action {
	case schema.ActionKick:
		c.Fail(schema.ReasonKicked, cmd.Note)
	case schema.ActionMessage:
		h.message(c, cmd)
	}
}

// message delivers a message to the user to the session's queue subscriptions.
func (h *Hub) message(c *client, cmd *mailbox.Command) {
	body, err := schema.Marshal(schema.Message{Type: schema.ClientMessage, Channel: schema.Personal(cmd.User), ID: cmd.ID,
		At: schema.At(time.Now()), ContentType: cmd.ContentType, Body: cmd.Body})
	if err != nil || len(body) > maxMessage {
		h.metrics.dropped.Inc()
		return
	}
	f := frame{event: schema.ClientMessage, body: body, id: cmd.ID}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue(c.subs, queueMessages, &f)
}
