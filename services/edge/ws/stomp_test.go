package ws_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	gostomp "github.com/go-stomp/stomp/v3"

	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/ws"
)

// room is a hub without Kafka: everybody is admitted, messages go to all
// subscribers of their channel, receipts are answered at once.
type room struct {
	cfg   session.Config
	mu    sync.Mutex
	seats map[*seat]bool
	ends  chan transport.End
}

// seat is one connection and its session.
type seat struct {
	room *room
	conn transport.Conn
	s    *session.Session
}

func openRoom(t *testing.T) (*room, string) {
	t.Helper()
	r := &room{cfg: session.DefaultConfig(), seats: map[*seat]bool{}, ends: make(chan transport.End, 100)}
	r.cfg.LoginIsUser = true
	server := ws.New(ws.Options{Accept: func(_ *http.Request, c transport.Conn) transport.Handler {
		return &seat{room: r, conn: c, s: session.New(&r.cfg)}
	}})
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(server)
	t.Cleanup(func() {
		front.Close()
		if err := server.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return r, "ws" + strings.TrimPrefix(front.URL, "http") + ws.DefaultPath
}

func (p *seat) Data(data []byte) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	for _, a := range p.s.Feed(nil, data) {
		p.do(a)
	}
}

func (p *seat) Fault(f transport.Fault) {
	p.room.mu.Lock()
	defer p.room.mu.Unlock()
	for _, a := range p.s.Fault(nil, f) {
		p.do(a)
	}
}

func (p *seat) Closed(e transport.End) {
	p.room.mu.Lock()
	delete(p.room.seats, p)
	p.room.mu.Unlock()
	p.room.ends <- e
}

func (p *seat) do(a session.Action) {
	receipt := ""
	switch a := a.(type) {
	case session.Connect:
		p.conn.KeepAlive(a.HeartBeat.Send > 0)
		p.room.seats[p] = true
		for _, next := range p.s.Accept(nil, "S-"+a.User, a.User, grant.Everything()) {
			p.do(next)
		}
	case session.Subscribe:
		receipt = a.Receipt
	case session.Unsubscribe:
		receipt = a.Receipt
	case session.Publish:
		p.room.publish(a)
		receipt = a.Receipt
	case session.Reply:
		_ = p.conn.Send(a.Frame)
	case session.Disconnect:
		p.conn.Close(1000, "client_disconnect", p.s.Receipt(a.Receipt))
	case session.Fail:
		p.conn.Close(a.Code, string(a.Reason), a.Frame)
	}
	if receipt != "" {
		_ = p.conn.Send(p.s.Receipt(receipt))
	}
}

func (r *room) publish(m session.Publish) {
	fan := stomp.NewFanout(m.Body, "destination", "/topic/"+m.Channel, "content-type", m.ContentType)
	for p := range r.seats {
		for _, sub := range p.s.Subscriptions() {
			if sub.Channel == m.Channel {
				head := stomp.AppendMessageHead(nil, p.s.Version(), sub.ID, "0:1")
				_ = p.conn.SendShared(head, fan.Tail(p.s.Version()))
			}
		}
	}
}

func dial(t *testing.T, url string, protocols ...string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// A stock client joins, talks, and leaves, in each version.
func TestStockClient(t *testing.T) {
	r, url := openRoom(t)
	for version, protocols := range map[gostomp.Version][]string{
		gostomp.V12: {"v12.stomp"}, gostomp.V11: {"v11.stomp"}, gostomp.V10: nil,
	} {
		t.Run(string(version), func(t *testing.T) {
			stream := websocket.NetConn(t.Context(), dial(t, url, protocols...), websocket.MessageText)
			client, err := gostomp.Connect(quiet{stream}, gostomp.ConnOpt.AcceptVersion(version),
				gostomp.ConnOpt.Login("alice", ""), gostomp.ConnOpt.HeartBeat(time.Minute, time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if client.Session() != "S-alice" || client.Version() != version {
				t.Errorf("session %q, version %q", client.Session(), client.Version())
			}
			sub, err := client.Subscribe("/topic/a.b", gostomp.AckAuto)
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Send("/topic/a.b", "text/plain", []byte("hello"), gostomp.SendOpt.Receipt); err != nil {
				t.Fatal(err)
			}
			if m := <-sub.C; m.Err != nil || string(m.Body) != "hello" || m.Destination != "/topic/a.b" {
				t.Errorf("message %+v", m)
			}
			// Not sub.Unsubscribe: its wait for the receipt can miss the wake-up
			// (go-stomp v3.1.3 broadcasts without the lock) and then lasts 30 s.
			if err := client.Disconnect(); err != nil {
				t.Error(err)
			}
			if end := <-r.ends; end.Cause != transport.Local || end.Code != 1000 {
				t.Errorf("end %+v", end)
			}
		})
	}
}

// quiet ignores that the server was first to close the WebSocket, which is
// how a session with a receipt for DISCONNECT ends.
type quiet struct{ net.Conn }

func (q quiet) Close() error {
	_ = q.Conn.Close()
	return nil
}

// Bad input gets an ERROR that says what is wrong, then the right close code;
// a bystander doesn't notice.
func TestBadInputOverTheWire(t *testing.T) {
	const hello = "CONNECT\naccept-version:1.2\nlogin:mallory\n\n\x00"
	tests := []struct {
		name, in, reason, detail string
		code                     websocket.StatusCode
	}{
		{"not STOMP", "GET / HTTP/1.1\r\n\r\n", "protocol_error", "unknown command", 1002},
		{"unknown command", hello + "JOIN\n\n\x00", "protocol_error", `unknown command "JOIN"`, 1002},
		{"missing header", hello + "SUBSCRIBE\nid:1\n\n\x00", "protocol_error", "needs a header destination", 1002},
		{"missing login", "CONNECT\naccept-version:1.2\n\n\x00", "policy_violation", "needs a header login", 1008},
		{"over-long frame", hello + "SEND\ndestination:/topic/a\ncontent-length:99999\n\n", "too_large", "content-length 99999", 1009},
		{"over-long message", strings.Repeat("x", 80<<10), "too_large", "larger than 65536 bytes", 1009},
		{"SUBSCRIBE before CONNECT", "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\x00", "protocol_error", "must be CONNECT", 1002},
		{"illegal channel name", hello + "SUBSCRIBE\nid:1\ndestination:/topic/a b\n\n\x00", "policy_violation", "/topic/a b", 1008},
	}
	r, url := openRoom(t)
	bystander := dial(t, url, "v12.stomp")
	say(t, bystander, strings.Replace(hello, "mallory", "bob", 1))
	hear(t, bystander, "CONNECTED")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, url)
			say(t, c, tt.in)
			if strings.HasPrefix(tt.in, hello) {
				hear(t, c, "CONNECTED")
			}
			got := hear(t, c, "ERROR")
			if !strings.Contains(got, "\nmessage:"+tt.reason+"\n") || !strings.Contains(got, "\nretry:never\n") || !strings.Contains(got, tt.detail) {
				t.Errorf("ERROR is %q", got)
			}
			_, _, err := c.Read(t.Context())
			if code := websocket.CloseStatus(err); code != tt.code || !strings.Contains(fmt.Sprint(err), tt.reason) {
				t.Errorf("closed with %v", err)
			}
			<-r.ends
		})
	}
	say(t, bystander, "DISCONNECT\nreceipt:bye\n\n\x00")
	if got := hear(t, bystander, "RECEIPT"); !strings.Contains(got, "receipt-id:bye") {
		t.Errorf("the bystander got %q", got)
	}
}

func say(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// hear reads one message, which must be a frame of this command.
func hear(t *testing.T, c *websocket.Conn, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, data, err := c.Read(ctx)
	if err != nil || !strings.HasPrefix(string(data), command+"\n") {
		t.Fatalf("got %.80q, %v; want %s", data, err, command)
	}
	return string(data)
}
