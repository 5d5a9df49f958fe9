package rig

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/lxzan/gws"
)

// Client is a STOMP session with as little of a client as possible, so that
// its own work hardly shows in a latency.
type Client struct {
	conn *gws.Conn
	out  *handler
}

type handler struct {
	gws.BuiltinEventHandler
	frames chan struct{} // one for each of the first frames
	each   func([]byte)  // of every frame after that; nil: dropped
	ended  chan struct{}
}

func (h *handler) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	if h.each != nil {
		h.each(m.Bytes())
	}
	select {
	case h.frames <- struct{}{}:
	default:
	}
}

// OnPing answers with the same payload, as RFC 6455 section 5.5.3 wants.
func (h *handler) OnPing(conn *gws.Conn, payload []byte) { _ = conn.WritePong(payload) }

func (h *handler) OnClose(*gws.Conn, error) { close(h.ended) }

// Dial begins a session and waits for CONNECTED. each, which may be nil, gets
// every frame, on the goroutine that reads.
func Dial(edge, user string, each func(frame []byte)) (*Client, error) {
	h := &handler{frames: make(chan struct{}, 8), each: each, ended: make(chan struct{})}
	conn, _, err := gws.NewClient(h, &gws.ClientOption{Addr: "ws://" + edge + "/ws", HandshakeTimeout: 20 * time.Second,
		ReadBufferSize: 512, RequestHeader: http.Header{"Sec-WebSocket-Protocol": {"v12.stomp"}}})
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", user, err)
	}
	go conn.ReadLoop()
	c := &Client{conn: conn, out: h}
	return c, c.ask("CONNECT\naccept-version:1.2\nhost:rollcall\nlogin:" + user + "\n\n\x00")
}

// Join subscribes to a room and waits for its roster.
func (c *Client) Join(room string) error {
	return c.ask("SUBSCRIBE\nid:0\ndestination:/topic/" + room + "\n\n\x00")
}

// Watch subscribes to a room without joining, once, and waits for its roster.
func (c *Client) Watch(room string) error {
	return c.ask("SUBSCRIBE\nid:" + room + "\ndestination:/watch/" + room + "\n\n\x00")
}

// ask sends a frame and waits for whatever comes next.
func (c *Client) ask(frame string) error {
	if err := c.conn.WriteMessage(gws.OpcodeText, []byte(frame)); err != nil {
		return err
	}
	select {
	case <-c.out.frames:
		return nil
	case <-c.out.ended:
		return errors.New("the session has ended")
	case <-time.After(30 * time.Second):
		return errors.New("no answer within 30 s")
	}
}

// Drop closes the TCP connection without a word.
func (c *Client) Drop() { _ = c.conn.NetConn().Close() }

// Socket is the TCP connection.
func (c *Client) Socket() net.Conn { return c.conn.NetConn() }

// IsError tells whether a frame is ERROR.
func IsError(frame []byte) bool { return bytes.HasPrefix(frame, []byte("ERROR")) }
