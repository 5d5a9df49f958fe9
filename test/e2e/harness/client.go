package harness

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/go-stomp/stomp/v3"
)

// Patience is what one step of a test gets on a machine that is busy.
const Patience = 20 * time.Second

// Client is a stock STOMP client (go-stomp) over a stock WebSocket.
type Client struct {
	t       testing.TB
	User    string
	Session string
	stomp   *stomp.Conn
	tcp     net.Conn
}

// Connect begins a session at an edge; headers come in pairs.
func Connect(t testing.TB, edge, user string, headers ...string) *Client {
	t.Helper()
	c, err := TryConnect(t, edge, user, headers...)
	if err != nil {
		t.Fatalf("connect %s at %s: %v", user, edge, err)
	}
	return c
}

// TryConnect is Connect where a refusal is an answer.
func TryConnect(t testing.TB, edge, user string, headers ...string) (*Client, error) {
	c := &Client{t: t, User: user}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		c.tcp = conn
		return conn, err
	}
	ws, _, err := websocket.Dial(ctx, "ws://"+edge+"/ws", &websocket.DialOptions{
		Subprotocols: []string{"v12.stomp", "v11.stomp", "v10.stomp"},
		HTTPClient:   &http.Client{Transport: &http.Transport{DialContext: dial}},
	})
	if err != nil {
		return nil, err
	}
	ws.SetReadLimit(1 << 20)
	conn := closing{websocket.NetConn(context.Background(), ws, websocket.MessageText), ws}
	options := []func(*stomp.Conn) error{stomp.ConnOpt.Login(user, ""), stomp.ConnOpt.Host("rollcall"), stomp.ConnOpt.Logger(quiet{})}
	for i := 0; i+1 < len(headers); i += 2 {
		options = append(options, stomp.ConnOpt.Header(headers[i], headers[i+1]))
	}
	c.stomp, err = stomp.ConnectWithContext(ctx, conn, options...)
	if err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	c.Session = c.stomp.Session()
	t.Cleanup(c.Drop)
	return c, nil
}

// Drop breaks the connection without a close frame, as a lost network does.
// Dropping again is fine.
func (c *Client) Drop() { _ = c.tcp.Close() }

// Disconnect is the orderly end: DISCONNECT, and its receipt.
func (c *Client) Disconnect() {
	c.t.Helper()
	if err := c.stomp.Disconnect(); err != nil {
		c.t.Fatalf("disconnect %s: %v", c.User, err)
	}
}

// Send publishes a message to a room and waits for the receipt.
func (c *Client) Send(room, body string) {
	c.t.Helper()
	if err := c.stomp.Send("/topic/"+room, "text/plain", []byte(body), stomp.SendOpt.Receipt); err != nil {
		c.t.Fatalf("send from %s to %s: %v", c.User, room, err)
	}
}

// Say tells what the user says about themselves, and waits for the receipt.
func (c *Client) Say(body string) {
	c.t.Helper()
	if err := c.stomp.Send("/app/session/meta", "application/json", []byte(body), stomp.SendOpt.Receipt); err != nil {
		c.t.Fatalf("%s says %s: %v", c.User, body, err)
	}
}

// Join subscribes to a room as a member and waits for its roster.
func (c *Client) Join(room string) *Room { c.t.Helper(); return c.subscribe("/topic/"+room, room) }

// Watch subscribes to a room without joining.
func (c *Client) Watch(room string) *Room { c.t.Helper(); return c.subscribe("/watch/"+room, room) }

// WatchUser subscribes to the presence of a user.
func (c *Client) WatchUser(user string) *Room {
	c.t.Helper()
	return c.subscribe("/presence/"+url.PathEscape(user), "@"+user)
}

func (c *Client) subscribe(destination, channel string) *Room {
	c.t.Helper()
	sub, err := c.stomp.Subscribe(destination, stomp.AckAuto)
	if err != nil {
		c.t.Fatalf("subscribe %s to %s: %v", c.User, destination, err)
	}
	room := newRoom(c.t, channel, c.User, sub)
	go room.follow()
	room.waitState()
	return room
}

// Messages subscribes to what the API sends to the user.
func (c *Client) Messages() *Room { c.t.Helper(); return c.queue("/user/queue/messages") }

// Notices subscribes to what concerns the session itself.
func (c *Client) Notices() *Room { c.t.Helper(); return c.queue("/user/queue/session") }

// Refresh shows a new token and waits for the receipt.
func (c *Client) Refresh(token string) {
	c.t.Helper()
	if err := c.stomp.Send("/app/session/refresh", "text/plain", []byte(token), stomp.SendOpt.Receipt); err != nil {
		c.t.Fatalf("refresh of %s: %v", c.User, err)
	}
}

// Try sends a message without waiting for anything: it may end the session.
func (c *Client) Try(destination, body string) {
	c.t.Helper()
	if err := c.stomp.Send(destination, "text/plain", []byte(body)); err != nil {
		c.t.Fatalf("send from %s to %s: %v", c.User, destination, err)
	}
}

func (c *Client) queue(queue string) *Room {
	c.t.Helper()
	sub, err := c.stomp.Subscribe(queue, stomp.AckAuto)
	if err != nil {
		c.t.Fatalf("subscribe %s to %s: %v", c.User, queue, err)
	}
	room := newRoom(c.t, "@"+c.User, c.User, sub)
	go room.follow()
	return room
}

// Leave unsubscribes from a room and waits for the receipt.
func (c *Client) Leave(room *Room) {
	c.t.Helper()
	if err := room.sub.Unsubscribe(); err != nil { // go-stomp asks for the receipt itself
		c.t.Fatalf("unsubscribe %s from %s: %v", c.User, room.Channel, err)
	}
}

// closing is a connection whose Close doesn't wait for the server's close frame
// and takes a connection that the server has closed for closed.
type closing struct {
	net.Conn
	ws *websocket.Conn
}

func (c closing) Close() error {
	_ = c.ws.CloseNow()
	return nil
}

// quiet drops what go-stomp would log.
type quiet struct{}

func (quiet) Debugf(string, ...any)   {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warningf(string, ...any) {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Debug(string)            {}
func (quiet) Info(string)             {}
func (quiet) Warning(string)          {}
func (quiet) Error(string)            {}
