package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3"
	"github.com/go-stomp/stomp/v3/frame"
)

// browser is a stock STOMP client over a stock WebSocket client.
type browser struct {
	t    *testing.T
	ws   *websocket.Conn
	conn *stomp.Conn
	subs map[string]*stomp.Subscription
}

func dial(t *testing.T, ctx context.Context, addr string) *websocket.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(ctx, "ws://"+addr+"/ws", &websocket.DialOptions{
		Subprotocols: []string{"v12.stomp"}, HTTPHeader: http.Header{"User-Agent": {"testbrowser/1"}}})
	if err != nil {
		t.Fatal(err)
	}
	ws.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = ws.CloseNow() })
	return ws
}

func (r *rig) connect(user string, opts ...func(*stomp.Conn) error) *browser {
	r.t.Helper()
	ws := dial(r.t, r.ctx, r.app.Addr())
	opts = append([]func(*stomp.Conn) error{stomp.ConnOpt.Login(user, "secret")}, opts...)
	conn, err := stomp.Connect(websocket.NetConn(r.ctx, ws, websocket.MessageText), opts...)
	if err != nil {
		r.t.Fatalf("%s: %v", user, err)
	}
	return &browser{t: r.t, ws: ws, conn: conn, subs: map[string]*stomp.Subscription{}}
}

// subscribe and its receipt.
func (b *browser) subscribe(destination string, opts ...func(*frame.Frame) error) *stomp.Subscription {
	b.t.Helper()
	sub, err := b.conn.Subscribe(destination, stomp.AckAuto, opts...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.subs[destination] = sub
	return sub
}

// disconnect waits for the receipt.
func (b *browser) disconnect() {
	b.t.Helper()
	// The server closes after the receipt: closing once more is no failure.
	if err := b.conn.Disconnect(); err != nil && !strings.Contains(err.Error(), "closed network connection") {
		b.t.Fatal(err)
	}
}

// next is the next MESSAGE of a subscription, decoded.
func next(t *testing.T, sub *stomp.Subscription) map[string]any {
	t.Helper()
	select {
	case m := <-sub.C:
		if m == nil {
			t.Fatal("the subscription has ended")
		}
		if m.Err != nil {
			t.Fatal(m.Err)
		}
		if m.ContentType != "application/json" || m.Header.Get("message-id") == "" || m.Destination != sub.Destination() {
			t.Fatalf("headers %v", m.Header)
		}
		var v map[string]any
		if err := json.Unmarshal(m.Body, &v); err != nil {
			t.Fatal(err)
		}
		if v["type"] != m.Header.Get("event") {
			t.Fatalf("event header %q, type %v", m.Header.Get("event"), v["type"])
		}
		return v
	case <-time.After(limit):
		t.Fatal("nothing came")
		return nil
	}
}

func users(v any) string {
	var out []string
	for _, m := range v.([]any) {
		out = append(out, m.(map[string]any)["user"].(string))
	}
	return strings.Join(sorted(out), " ")
}

// raw is a client that writes what it likes.
type raw struct {
	t   *testing.T
	ctx context.Context
	ws  *websocket.Conn
}

func (r *rig) raw() *raw {
	r.t.Helper()
	c := r.undialled()
	c.ws = dial(r.t, r.ctx, r.app.Addr())
	return c
}

// undialled is one that isn't connected.
func (r *rig) undialled() *raw {
	ctx, cancel := context.WithTimeout(r.ctx, limit)
	r.t.Cleanup(cancel)
	return &raw{t: r.t, ctx: ctx}
}

func (c *raw) send(text string) {
	c.t.Helper()
	if err := c.ws.Write(c.ctx, websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// frame is the next one that isn't a heart-beat: its command and its headers.
func (c *raw) frame() (command string, headers map[string]string, body string) {
	c.t.Helper()
	for {
		_, b, err := c.ws.Read(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if s := strings.Trim(string(b), "\n"); s != "" {
			return parse(s)
		}
	}
}

func parse(s string) (command string, headers map[string]string, body string) {
	head, body, _ := strings.Cut(strings.TrimSuffix(s, "\x00"), "\n\n")
	lines := strings.Split(head, "\n")
	headers = map[string]string{}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ":")
		headers[k] = v
	}
	return lines[0], headers, body
}

// closed waits for the close frame and returns its code and reason.
func (c *raw) closed() (websocket.StatusCode, string) {
	c.t.Helper()
	for {
		_, _, err := c.ws.Read(c.ctx)
		if err == nil {
			continue
		}
		var ce websocket.CloseError
		if errors.As(err, &ce) {
			return ce.Code, ce.Reason
		}
		c.t.Fatalf("closed without a close frame: %v", err)
	}
}

const connectAlice = "CONNECT\naccept-version:1.2\nhost:x\nlogin:alice\n\n\x00"

func bySession(id string) func(*schema.SessionDisconnected) bool {
	return func(d *schema.SessionDisconnected) bool { return d.Session == id }
}
