package ws

import (
	"errors"

	"rollcall.dev/services/edge/transport"
)

// Envelope is a protocol between WebSocket and the messages of a session, such
// as SockJS. It belongs to a [Server] and not to a connection, so that who uses
// none pays nothing.
type Envelope struct {
	// Protocol is what Protocol of a connection says.
	Protocol string
	// Open is the first message to a new peer, Beat one that holds an EOL.
	Open, Beat []byte
	// Wrap makes one message of head and tail.
	Wrap func(head, tail []byte) []byte
	// Close makes the last message, ahead of the close frame.
	Close func(code int, reason string) []byte
	// Unwrap calls take for each message in what the peer sent. A message over
	// the limit is an error that is ErrTooLarge; any other is a violation.
	Unwrap func(p []byte, limit int, take func(p []byte)) error
	// Expansion is by how much an envelope may be larger than what is in it.
	Expansion int
}

// ErrTooLarge is what Envelope.Unwrap says of a message over the limit.
var ErrTooLarge = errors.New("the message is too large")

// greet sends what an envelope begins with. Nothing was sent before it.
func (c *conn) greet() {
	if e := c.srv.options.Envelope; e != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.enqueue(func(b *batch) { b.message(opText, nil, e.Open) })
	}
}

// take hands over what a WebSocket message holds.
func (c *conn) take(p []byte) {
	e := c.srv.options.Envelope
	if e == nil {
		c.one(p)
		return
	}
	err := e.Unwrap(p, c.srv.options.ReadLimit, c.one)
	switch {
	case errors.Is(err, ErrTooLarge):
		c.complain(c.tooLarge())
	case err != nil:
		c.complain(transport.Fault{Cause: transport.Violation, Code: transport.CodeProtocol, Err: err})
	}
}

// one hands a message over, unless nobody listens any more.
func (c *conn) one(p []byte) {
	if c.count(len(p)) {
		c.guarded(func() { c.handler.Data(p) })
	}
}

// wrapped is a message as it goes into a WebSocket frame.
func (c *conn) wrapped(head, tail []byte) (_, _ []byte) {
	if e := c.srv.options.Envelope; e != nil {
		return e.Wrap(head, tail), nil
	}
	return head, tail
}

// farewell are the messages ahead of the close frame.
func (c *conn) farewell(code int, reason string, last []byte) [][]byte {
	var messages [][]byte
	if len(last) > 0 {
		whole, _ := c.wrapped(last, nil)
		messages = append(messages, whole)
	}
	if e := c.srv.options.Envelope; e != nil {
		messages = append(messages, e.Close(code, reason))
	}
	return messages
}

// Protocol implements transport.Conn.
func (c *conn) Protocol() string {
	if e := c.srv.options.Envelope; e != nil {
		return e.Protocol
	}
	return "websocket"
}
