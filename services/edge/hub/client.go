package hub

import (
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
)

// client is one connection and its session. There are thousands: each field
// counts.
type client struct {
	hub   *Hub
	conn  transport.Conn
	agent unique.Handle[string] // few browsers make up all clients

	// Set once, before the first event, and read without mu after it.
	id      string
	user    string
	begun   time.Duration
	version stomp.Version

	pending atomic.Int32           // events not yet acknowledged
	unsaid  atomic.Bool            // a message, or the end, will never be in the log
	bye     atomic.Pointer[string] // receipt of DISCONNECT

	mu        sync.Mutex
	self      *self  // nil: nothing was said
	proof     *proof // nil: what it is proven by has no end and no claims
	state     *session.Session
	subs      []*subscription
	live      bool // connected, and not ended
	ended     bool
	beats     bool          // wants heart-beats, which begin after CONNECTED
	announced time.Duration // when the log was last told of the whole session
	owed      []func(bool)  // what waits for the announcement
}

// maxAgent bounds what is kept of a User-Agent header.
const maxAgent = 256

// Open makes the handler of a new connection. Its HTTP request named an agent,
// and may have held a token.
func (h *Hub) Open(conn transport.Conn, agent, token string) transport.Handler {
	c := &client{hub: h, conn: conn, agent: unique.Make(agent[:min(len(agent), maxAgent)]), state: session.New(h.cfg.Session)}
	if token != "" {
		c.proof = &proof{request: token}
	}
	return c
}

var scratch = sync.Pool{New: func() any { return new([]session.Action) }}

// act runs a step of the session's state machine and carries out what it asks.
// A panic in there costs the connection, which then still can be closed.
func (c *client) act(step func(dst []session.Action) []session.Action) {
	actions := scratch.Get().(*[]session.Action)
	c.mu.Lock()
	defer c.mu.Unlock()
	list := step((*actions)[:0])
	for i := 0; i < len(list); i++ {
		list = c.do(list, list[i])
	}
	clear(list)
	*actions = list[:0]
	scratch.Put(actions)
}

// Data implements transport.Handler.
func (c *client) Data(p []byte) {
	c.act(func(dst []session.Action) []session.Action { return c.state.Feed(dst, p) })
}

// Fault implements transport.Handler.
func (c *client) Fault(f transport.Fault) {
	c.act(func(dst []session.Action) []session.Action { return c.state.Fault(dst, f) })
}

// Fail ends the session from the server's side.
func (c *client) Fail(reason schema.Reason, detail string) {
	c.act(func(dst []session.Action) []session.Action { return c.state.Fail(dst, reason, detail, "") })
}

// Closed implements transport.Handler.
func (c *client) Closed(e transport.End) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(session.ReasonOf(e), e.Code, "")
}

// do carries out one action; those that follow from it are appended to list.
func (c *client) do(list []session.Action, action session.Action) []session.Action {
	switch a := action.(type) {
	case session.Connect:
		return c.connect(list, a)
	case session.Subscribe:
		c.subscribe(a)
	case session.Unsubscribe:
		c.unsubscribe(a)
	case session.Publish:
		return c.publish(list, a)
	case session.Update:
		c.update(a)
	case session.Refresh:
		return c.refresh(list, a)
	case session.Withdraw:
		c.withdraw(a)
	case session.Renewed:
		c.renewed(a)
	case session.Disconnect:
		c.disconnect(a)
	case session.Reply:
		return c.reply(list, a.Frame)
	case session.Fail:
		c.end(a.Reason, a.Code, a.Detail)
		c.conn.Close(a.Code, string(a.Reason), a.Frame)
	}
	return list
}

// reply sends a frame that the session owes its client. One that takes no
// answers is too slow.
func (c *client) reply(list []session.Action, frame []byte) []session.Action {
	if c.conn.Send(frame) == transport.ErrSlow {
		return c.state.Fail(list, schema.ReasonSlowConsumer, "answers are not read fast enough", "")
	}
	if c.beats { // the first answer is CONNECTED
		c.beats = false
		c.conn.KeepAlive(true)
	}
	return list
}

func (c *client) ref() schema.Ref {
	return schema.Ref{Session: c.id, User: c.user, Edge: c.hub.cfg.Edge}
}
