package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3/frame"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// answerTime is how long a client waits for what it has asked for.
const answerTime = 10 * time.Second

// client is one connection of a user: a STOMP session over WebSocket that
// writes down what it does and sees. Its methods are called by one goroutine;
// another one, its own, reads.
type client struct {
	name, user, edge string
	session          string
	rec              *recorder
	ws               *websocket.Conn
	net              *network
	next             int // number of the next subscription or receipt
	stop             context.CancelFunc
	done             chan struct{} // closed when nothing is read any more

	mu       sync.Mutex
	gone     bool // by the client's own doing: what comes now is not seen
	receipts map[string]chan struct{}
	last     schema.Reason // of the ERROR frame
}

// edgeAt is where an edge takes clients.
type edgeAt struct{ id, addr string }

// dial begins a session. An error means that it has ended or never was.
func dial(ctx context.Context, rec *recorder, name, user string, at edgeAt, meta schema.Meta) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	c := &client{name: name, user: user, edge: at.id, rec: rec, done: make(chan struct{}), receipts: map[string]chan struct{}{}}
	if err := c.open(ctx, at.addr); err != nil {
		return nil, fmt.Errorf("connect %s to %s: %w", name, at.id, err) // no STOMP frame was sent
	}
	rec.note(oracle.Fact{Kind: oracle.Connecting, Conn: name, User: user, Edge: at.id, Meta: meta})
	headers := []string{"accept-version", "1.2", "host", "rollcall", "login", user, "heart-beat", "0,0"}
	for key, value := range meta {
		headers = append(headers, "meta-"+key, value)
	}
	err := c.write(frame.New(frame.CONNECT, headers...))
	var answer *frame.Frame
	if err == nil {
		answer, err = c.read(ctx)
	}
	if err == nil && answer.Command != frame.CONNECTED {
		err = fmt.Errorf("%s %s", answer.Command, answer.Header.Get("message"))
	}
	if err != nil {
		rec.note(oracle.Fact{Kind: oracle.Cut, Conn: name})
		_ = c.ws.CloseNow()
		return nil, fmt.Errorf("connect %s to %s: %w", name, at.id, err)
	}
	c.session = answer.Header.Get("session")
	rec.note(oracle.Fact{Kind: oracle.Connected, Conn: name, Session: c.session})
	reading, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.follow(reading)
	return c, nil
}

func (c *client) open(ctx context.Context, addr string) error {
	dialTCP := func(ctx context.Context, _, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, err
		}
		c.net = &network{TCPConn: conn.(*net.TCPConn), closed: make(chan struct{})}
		return c.net, nil
	}
	ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/ws", &websocket.DialOptions{
		Subprotocols: []string{"v12.stomp"},
		HTTPClient:   &http.Client{Transport: &http.Transport{DialContext: dialTCP, DisableKeepAlives: true}},
	})
	if err != nil {
		return err
	}
	ws.SetReadLimit(4 << 20)
	c.ws = ws
	return nil
}

func (c *client) write(f *frame.Frame) error {
	var b bytes.Buffer
	if err := frame.NewWriter(&b).Write(f); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	return c.ws.Write(ctx, websocket.MessageText, b.Bytes())
}

// read returns the next frame that is no heart-beat.
func (c *client) read(ctx context.Context) (*frame.Frame, error) {
	for {
		_, message, err := c.ws.Read(ctx)
		if err != nil {
			return nil, err
		}
		f, err := frame.NewReader(bytes.NewReader(message)).Read()
		if err != nil || f != nil {
			return f, err
		}
	}
}

// follow reads until the connection ends.
func (c *client) follow(ctx context.Context) {
	defer close(c.done)
	for {
		f, err := c.read(ctx)
		if err != nil {
			c.ended(err)
			return
		}
		c.see(f)
	}
}

func (c *client) see(f *frame.Frame) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	switch f.Command {
	case frame.MESSAGE:
		c.rec.note(oracle.Fact{Kind: oracle.Frame, Conn: c.name, Sub: f.Header.Get("subscription"), Body: f.Body})
	case frame.RECEIPT:
		id := f.Header.Get("receipt-id")
		c.rec.note(oracle.Fact{Kind: oracle.Receipt, Conn: c.name, ID: id})
		if ch, ok := c.receipts[id]; ok {
			close(ch)
			delete(c.receipts, id)
		}
	case frame.ERROR:
		c.last = schema.Reason(f.Header.Get("message"))
	}
}

// ended notes the end, unless it is the client's own doing.
func (c *client) ended(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	code := max(int(websocket.CloseStatus(err)), 0)
	if code == 0 && c.last == "" {
		code = 1006
	}
	c.rec.note(oracle.Fact{Kind: oracle.Ended, Conn: c.name, Reason: c.last, Code: code})
	_ = c.ws.CloseNow()
}

// leave notes an end of the client's own making; false if there was one before.
func (c *client) leave(f oracle.Fact) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.gone = true
	f.Conn = c.name
	c.rec.note(f)
	return true
}

var errNoReceipt = errors.New("no receipt")

// ask sends a frame with a receipt header, of which the fact tells, and waits
// for the receipt. Without one in time the session goes on: it may be late.
func (c *client) ask(ctx context.Context, f *frame.Frame, fact oracle.Fact) error {
	c.next++
	id := "r" + strconv.Itoa(c.next)
	f.Header.Add("receipt", id)
	fact.Conn, fact.ID = c.name, id
	answered := make(chan struct{})
	c.mu.Lock()
	if c.gone {
		c.mu.Unlock()
		return errors.New("the session has ended")
	}
	c.receipts[id] = answered
	c.rec.note(fact)
	c.mu.Unlock()
	if err := c.write(f); err != nil {
		return err
	}
	select {
	case <-answered:
		return nil
	case <-c.done:
		return errors.New("the session has ended")
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(answerTime):
		return errNoReceipt
	}
}

// subscription is one of a client.
type subscription struct{ id, channel string }

// subscribe asks for a channel ("@user" for the presence of a user).
func (c *client) subscribe(ctx context.Context, channel string, role schema.Role) (subscription, error) {
	c.next++
	s := subscription{"s" + strconv.Itoa(c.next), channel}
	destination := "/topic/" + channel
	switch user, personal := strings.CutPrefix(channel, "@"); {
	case personal:
		destination = "/presence/" + user
	case role == schema.RoleWatcher:
		destination = "/watch/" + channel
	}
	err := c.ask(ctx, frame.New(frame.SUBSCRIBE, "id", s.id, "destination", destination),
		oracle.Fact{Kind: oracle.Subscribe, Sub: s.id, Channel: channel, Role: role})
	return s, err
}

func (c *client) unsubscribe(ctx context.Context, s subscription) error {
	return c.ask(ctx, frame.New(frame.UNSUBSCRIBE, "id", s.id), oracle.Fact{Kind: oracle.Unsubscribe, Sub: s.id})
}

// send publishes a text that no other message has.
func (c *client) send(ctx context.Context, channel string) error {
	body := c.name + " says " + strconv.Itoa(c.next)
	f := frame.New(frame.SEND, "destination", "/topic/"+channel, "content-type", "text/plain")
	f.Body = []byte(body)
	return c.ask(ctx, f, oracle.Fact{Kind: oracle.Send, Channel: channel, Body: []byte(body)})
}

// update changes what the user says about themselves.
func (c *client) update(ctx context.Context, meta schema.Meta) error {
	body, err := json.Marshal(map[string]any{"meta": meta})
	if err != nil {
		return err
	}
	f := frame.New(frame.SEND, "destination", "/app/session/meta")
	f.Body = body
	return c.ask(ctx, f, oracle.Fact{Kind: oracle.Update, Meta: meta})
}

// disconnect is the orderly end.
func (c *client) disconnect() {
	if c.leave(oracle.Fact{Kind: oracle.Disconnect}) {
		_ = c.write(frame.New(frame.DISCONNECT, "receipt", "bye"))
		select { // the server hangs up after the receipt
		case <-c.done:
		case <-time.After(answerTime):
		}
	}
	c.free()
}

// close sends a close frame, as a page that is left or reloaded does (1001).
func (c *client) close(code websocket.StatusCode) {
	if c.leave(oracle.Fact{Kind: oracle.Close, Code: int(code)}) {
		_ = c.ws.Close(code, "")
	}
	c.free()
}

// reset breaks the connection; the kernel tells the edge at once.
func (c *client) reset() {
	if c.leave(oracle.Fact{Kind: oracle.Cut}) {
		c.net.reset()
	}
	c.free()
}

// vanish leaves the connection open and says nothing any more, not even a
// pong, as a machine that has lost its network. The edge has to notice. Whoever
// calls frees the connection later.
func (c *client) vanish() {
	if c.leave(oracle.Fact{Kind: oracle.Cut}) {
		c.net.mute.Store(true)
	}
}

// free ends the reader and gives the connection back.
func (c *client) free() {
	c.stop()
	_ = c.ws.CloseNow()
	<-c.done
}

// alive tells whether the session goes on as far as the client knows.
func (c *client) alive() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}
