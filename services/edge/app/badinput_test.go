package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"

	"github.com/coder/websocket"
)

// What a client can send wrong: an ERROR frame that says what it is, then a
// close with the right code, and nobody else notices.
func TestBadInput(t *testing.T) {
	r := newRig(t, nil)
	n := newNotifier(r)
	other := r.connect("other").subscribe("/topic/room")
	n.answer("room", 1, "other")
	next(t, other)

	connected := "CONNECT\naccept-version:1.2\nhost:x\nlogin:mallory\n\n\x00"
	for i, tc := range []struct {
		name, input, message, detail string
		code                         websocket.StatusCode
		live                         bool // a session had begun
	}{
		{"no STOMP", "GET / HTTP/1.1\r\n\r\n", "protocol_error", "", 1002, false},
		{"unknown command", "JUMP\n\n\x00", "protocol_error", "JUMP", 1002, false},
		{"SUBSCRIBE before CONNECT", "SUBSCRIBE\nid:1\ndestination:/topic/room\n\n\x00", "protocol_error", "CONNECT", 1002, false},
		{"no login", "CONNECT\naccept-version:1.2\nhost:x\n\n\x00", "policy_violation", "login", 1008, false},
		{"login with a control character", "CONNECT\naccept-version:1.2\nlogin:a\x01b\n\n\x00", "policy_violation", "login", 1008, false},
		{"no common version", "CONNECT\naccept-version:2.0\nlogin:a\n\n\x00", "protocol_error", "1.2", 1002, false},
		{"unknown command later", connected + "JUMP\n\n\x00", "protocol_error", "JUMP", 1002, true},
		{"SUBSCRIBE without id", connected + "SUBSCRIBE\ndestination:/topic/room\n\n\x00", "protocol_error", "id", 1002, true},
		{"SUBSCRIBE without destination", connected + "SUBSCRIBE\nid:1\n\n\x00", "protocol_error", "destination", 1002, true},
		{"illegal channel", connected + "SUBSCRIBE\nid:1\ndestination:/topic/a b\n\n\x00", "policy_violation", "channel", 1008, true},
		{"somebody's personal channel", connected + "SEND\ndestination:/topic/@other\n\nhi\x00", "policy_violation", "channel", 1008, true},
		{"undefined escape", connected + "SUBSCRIBE\nid:\\x\ndestination:/topic/room\n\n\x00", "protocol_error", "escape", 1002, true},
		{"over-long header", connected + "SEND\ndestination:/topic/room\nx:" + strings.Repeat("y", 5000) + "\n\n\x00", "too_large", "", 1009, true},
		{"over-long frame", connected + "SEND\ndestination:/topic/room\n\n" + strings.Repeat("y", 60<<10), "too_large", "", 1009, true},
		{"a body that grows as JSON", connected + "SEND\ndestination:/topic/room\n\n" + strings.Repeat("\x01", 40<<10) + "\x00", "too_large", "JSON", 1009, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := r.raw()
			c.t = t
			c.send(tc.input)
			if tc.name == "over-long frame" { // goes on in a second message
				c.send(strings.Repeat("y", 20<<10))
			}
			if tc.live {
				if cmd, _, _ := c.frame(); cmd != "CONNECTED" {
					t.Fatalf("got %s", cmd)
				}
			}
			cmd, h, body := c.frame()
			if cmd != "ERROR" || h["message"] != tc.message || h["retry"] != "never" || !strings.Contains(body, tc.detail) {
				t.Fatalf("%s %v %q", cmd, h, body)
			}
			if code, reason := c.closed(); code != tc.code || reason != tc.message {
				t.Fatalf("closed %d %s", code, reason)
			}
			// The other session gets what happens next.
			user := fmt.Sprint("user", i)
			n.post(n.joined("room", user))
			if diff := next(t, other); users(diff["joined"]) != user {
				t.Fatalf("the other got %v", diff)
			}
		})
	}
	retry.Eventually(t, limit, func() error {
		if s, c := r.app.hub.Sessions(), r.app.ws.Len(); s != 1 || c != 1 {
			return fmt.Errorf("%d sessions and %d connections are left", s, c)
		}
		return nil
	})
	retry.Eventually(t, limit, func() error { // the last ones may be on their way to Kafka
		ends := find(r, func(d *schema.SessionDisconnected) bool { return d.User == "mallory" })
		begins := find(r, func(d *schema.SessionConnected) bool { return d.User == "mallory" })
		if len(ends) != 9 || len(begins) != 9 {
			return fmt.Errorf("%d sessions began, %d ended", len(begins), len(ends))
		}
		return nil
	})
}

// TRAPS.md section 3: a length with its top bit set crashes a bare gws server.
func TestFrameWithANegativeLength(t *testing.T) {
	r := newRig(t, nil)
	alice := r.raw()
	alice.send(connectAlice)
	alice.frame()
	for range 5 {
		conn := handshake(t, r.app.Addr())
		if _, err := conn.Write([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		mustEnd(t, conn)
	}
	retry.Eventually(t, limit, func() error {
		if n := r.app.ws.Len(); n != 1 {
			return fmt.Errorf("%d connections", n)
		}
		return nil
	})
	alice.send("SUBSCRIBE\nid:1\ndestination:/user/queue/session\nreceipt:r\n\n\x00")
	if cmd, _, _ := alice.frame(); cmd != "RECEIPT" {
		t.Fatalf("got %s", cmd)
	}
}

func TestAClientThatDoesNotConnect(t *testing.T) {
	r := newRig(t, func(o *Options) { o.ConnectTimeout = 100 * time.Millisecond })
	c := r.raw()
	if cmd, h, _ := c.frame(); cmd != "ERROR" || h["message"] != "policy_violation" {
		t.Fatalf("%s %v", cmd, h)
	}
	if code, _ := c.closed(); code != 1008 {
		t.Fatalf("closed %d", code)
	}
}

func TestSubprotocols(t *testing.T) {
	r := newRig(t, nil)
	for _, tc := range []struct {
		offered []string
		chosen  string
	}{
		{[]string{"v10.stomp", "v11.stomp", "v12.stomp"}, "v12.stomp"},
		{[]string{"v11.stomp"}, "v11.stomp"},
		{nil, ""}, // Spring, stomp.py
	} {
		ws, _, err := websocket.Dial(r.ctx, "ws://"+r.app.Addr()+"/ws", &websocket.DialOptions{Subprotocols: tc.offered})
		if err != nil {
			t.Errorf("%v: %v", tc.offered, err)
			continue
		}
		if got := ws.Subprotocol(); got != tc.chosen {
			t.Errorf("%v: chosen %q", tc.offered, got)
		}
		_ = ws.CloseNow()
	}
}

// A client of something else is told what is spoken here, in STOMP.
func TestAWrongSubprotocol(t *testing.T) {
	r := newRig(t, nil)
	ws, _, err := websocket.Dial(r.ctx, "ws://"+r.app.Addr()+"/ws", &websocket.DialOptions{Subprotocols: []string{"mqtt", "wamp"}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	c := &raw{t, r.ctx, ws}
	cmd, h, body := c.frame()
	if cmd != "ERROR" || h["message"] != "protocol_error" || h["retry"] != "never" || h["content-type"] != "text/plain" ||
		!strings.Contains(body, `"mqtt, wamp"`) || !strings.Contains(body, "v12.stomp, v11.stomp, v10.stomp, or none") {
		t.Fatalf("%s %v %q", cmd, h, body)
	}
	if code, reason := c.closed(); code != 1002 || reason != "protocol_error" {
		t.Fatalf("closed %d %s", code, reason)
	}
	if n := r.app.hub.Sessions(); n != 0 {
		t.Fatalf("%d sessions", n)
	}
}
