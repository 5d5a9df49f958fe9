package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// client is one connection of a user, a stock WebSocket with as much STOMP as
// it takes. All that it does and sees is noted.
type client struct {
	d    *deployment
	conn string // its name, and its host's
	user string
	edge string
	ws   *websocket.Conn

	mu     sync.Mutex
	next   int             // receipt or subscription
	subs   map[string]bool // ids
	closed bool            // by the client
	told   chan struct{}   // closed with CONNECTED
	done   chan struct{}   // closed with the connection
	reason string          // of an ERROR
	got    map[string]chan struct{}
}

// dialTimeout is what a connection may take until CONNECTED.
const dialTimeout = 5 * time.Second

var errRefused = errors.New("not connected")

// connect begins a session at an edge. Without CONNECTED there is none, as far
// as the client knows.
func (d *deployment) connect(user string, edge int, meta schema.Meta) (*client, error) {
	c := &client{d: d, conn: d.connName(user), user: user, edge: fmt.Sprintf("edge-%d", edge), subs: map[string]bool{},
		told: make(chan struct{}), done: make(chan struct{}), got: map[string]chan struct{}{}}
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	transport := &http.Transport{DialContext: d.net.dialer(c.conn), DisableKeepAlives: true}
	ws, _, err := websocket.Dial(ctx, "ws://"+edgeAddr(edge)+"/ws", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", c.edge, err)
	}
	ws.SetReadLimit(1 << 20)
	c.ws = ws
	d.rec.note(oracle.Fact{Kind: oracle.Connecting, Conn: c.conn, User: user, Edge: c.edge, Meta: meta})
	headers := []string{"accept-version:1.2", "host:rollcall", "login:" + user}
	for key, value := range meta {
		headers = append(headers, "meta-"+key+":"+value)
	}
	d.running.Go(c.read)
	c.write("CONNECT", "", headers...)
	select {
	case <-c.told:
		return c, nil
	case <-ctx.Done():
		c.cut()
	case <-c.done:
	}
	return nil, errRefused
}

// write sends a frame. One that can't be sent has ended the connection.
func (c *client) write(command, body string, headers ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	frame := strings.Join(append([]string{command}, headers...), "\n") + "\n\n" + body + "\x00"
	_ = c.ws.Write(ctx, websocket.MessageText, []byte(frame))
}

// note notes what the client is about to do, unless its connection is over.
func (c *client) note(f oracle.Fact) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	select {
	case <-c.done:
		return false
	default:
	}
	f.Conn = c.conn
	c.d.rec.note(f)
	switch f.Kind {
	case oracle.Disconnect, oracle.Close, oracle.Cut:
		c.closed = true
	}
	return true
}

// receipt makes the id of one, and what waits for it.
func (c *client) receipt() (string, chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id := fmt.Sprintf("r%d", c.next)
	c.got[id] = make(chan struct{})
	return id, c.got[id]
}

// subscribe to a destination, which stands for a channel.
func (c *client) subscribe(destination, channel string, role schema.Role) (sub string, receipt chan struct{}) {
	id, done := c.receipt()
	sub = "s" + id
	if c.note(oracle.Fact{Kind: oracle.Subscribe, Sub: sub, Channel: channel, Role: role, ID: id}) {
		c.write("SUBSCRIBE", "", "id:"+sub, "destination:"+destination, "receipt:"+id)
	}
	return sub, done
}

func (c *client) join(room string) string {
	sub, _ := c.subscribe("/topic/"+room, room, schema.RoleMember)
	return sub
}

func (c *client) watch(room string) string {
	sub, _ := c.subscribe("/watch/"+room, room, schema.RoleWatcher)
	return sub
}

func (c *client) watchUser(user string) string {
	sub, _ := c.subscribe("/presence/"+user, schema.Personal(user), schema.RoleWatcher)
	return sub
}

func (c *client) unsubscribe(sub string) {
	id, _ := c.receipt()
	if c.note(oracle.Fact{Kind: oracle.Unsubscribe, Sub: sub, ID: id}) {
		c.write("UNSUBSCRIBE", "", "id:"+sub, "receipt:"+id)
	}
}

// send publishes a text that no other message has.
func (c *client) send(room string) (receipt chan struct{}) {
	id, done := c.receipt()
	text := c.conn + " " + id
	if c.note(oracle.Fact{Kind: oracle.Send, Channel: room, ID: id, Body: []byte(text)}) {
		c.write("SEND", text, "destination:/topic/"+room, "receipt:"+id)
	}
	return done
}

// disconnect is the orderly end.
func (c *client) disconnect() {
	if c.note(oracle.Fact{Kind: oracle.Disconnect}) {
		c.write("DISCONNECT", "")
	}
}

// close is a close frame, 1001 as by a tab that is closed or reloaded.
func (c *client) close(code int) {
	if c.note(oracle.Fact{Kind: oracle.Close, Code: code}) {
		c.d.running.Go(func() { _ = c.ws.Close(websocket.StatusCode(code), "") })
	}
}

// cut breaks the connection without a word.
func (c *client) cut() {
	if c.note(oracle.Fact{Kind: oracle.Cut}) {
		c.sever()
	}
}

func (c *client) sever() {
	for _, l := range c.d.net.between(c.conn, "") {
		l.sever()
	}
}

// vanish leaves a half-open connection behind: nobody answers, nothing breaks.
func (c *client) vanish() {
	if c.note(oracle.Fact{Kind: oracle.Cut}) {
		c.d.net.freeze(c.conn, +1)
	}
}

// over reports whether the connection has ended.
func (c *client) over() bool {
	select {
	case <-c.done:
		return true
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.closed
	}
}

// read notes what comes until the connection ends.
func (c *client) read() {
	var err error
	for err == nil {
		var message []byte
		if _, message, err = c.ws.Read(context.Background()); err == nil {
			for frame := range strings.SplitSeq(string(message), "\x00") {
				c.frame(strings.TrimLeft(frame, "\n"))
			}
		}
	}
	_ = c.ws.CloseNow()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		reason := c.reason
		if closed, ok := errors.AsType[websocket.CloseError](err); ok && reason == "" {
			reason = closed.Reason
		}
		c.d.rec.note(oracle.Fact{Kind: oracle.Ended, Conn: c.conn, Reason: schema.Reason(reason), Code: int(websocket.CloseStatus(err))})
	}
	close(c.done)
}

func (c *client) frame(text string) {
	if text == "" {
		return
	}
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	headers := map[string]string{}
	for _, line := range lines[1:] {
		key, value, _ := strings.Cut(line, ":")
		headers[key] = value
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	switch lines[0] {
	case "CONNECTED":
		c.d.rec.note(oracle.Fact{Kind: oracle.Connected, Conn: c.conn, Session: headers["session"]})
		close(c.told)
	case "MESSAGE":
		c.d.rec.note(oracle.Fact{Kind: oracle.Frame, Conn: c.conn, Sub: headers["subscription"], Body: []byte(body)})
	case "RECEIPT":
		id := headers["receipt-id"]
		c.d.rec.note(oracle.Fact{Kind: oracle.Receipt, Conn: c.conn, ID: id})
		if got := c.got[id]; got != nil {
			close(got)
			delete(c.got, id)
		}
	case "ERROR":
		c.reason = headers["message"]
	}
}
