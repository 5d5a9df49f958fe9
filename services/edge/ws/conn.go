package ws

import (
	"net"
	"sync"
	"sync/atomic"

	"rollcall.dev/services/edge/transport"
)

// phase of a connection; it only grows.
type phase uint8

const (
	open    phase = iota
	closing       // the close frame is queued: nothing more is, and what comes in is ignored
	closed        // the socket is closed, or nothing can be sent
)

// conn is one connection. There are thousands: each field counts.
type conn struct {
	srv     *Server
	raw     net.Conn
	handler transport.Handler

	// reading is held while a message is handled, from the goroutine that read
	// it to the one that handles it.
	reading sync.Mutex

	// Of the reading goroutine alone.
	in       intake
	guard    guard
	bad      error // of the guard
	readErr  error // why gws stopped reading
	verdict  uint16
	upgraded bool

	heardAt atomic.Int64 // last sign of life, on the server's clock

	bucket uint8 // of the registry
	place  int32

	mu         sync.Mutex
	phase      phase
	cause      transport.Cause
	writing    bool // a goroutine writes
	keepAlive  bool
	heartBeats bool
	code       uint16
	queued     int32         // bytes in out and under way
	out        *batch        // what waits; nil when nothing does
	quiet      chan struct{} // closed when nothing will be written any more; nil while open
	stats      transport.Stats
}

var _ transport.Conn = (*conn)(nil)

// Send implements transport.Conn.
func (c *conn) Send(frame []byte) error { return c.send(frame, nil) }

// SendShared implements transport.Conn.
func (c *conn) SendShared(head, tail []byte) error { return c.send(head, tail) }

func (c *conn) send(head, tail []byte) error {
	n := len(head) + len(tail)
	head, tail = c.wrapped(head, tail)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return transport.ErrClosed
	}
	if int(c.queued)+len(head)+len(tail)+maxHeader > c.srv.options.QueueBytes {
		return transport.ErrSlow
	}
	c.stats.MessagesOut++
	c.stats.BytesOut += uint64(n)
	c.enqueue(func(b *batch) { b.message(opText, head, tail) })
	return nil
}

// enqueue adds to what waits and sees that it is written. With mu held.
func (c *conn) enqueue(add func(*batch)) {
	if c.out == nil {
		c.out = batches.Get().(*batch)
	}
	before := c.out.size
	add(c.out)
	c.queued += int32(c.out.size - before)
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// control queues a control frame, unless the queue is so full that the peer
// reads nothing anyway. With mu held.
func (c *conn) control(frames []byte) {
	if c.phase == open && int(c.queued)+len(frames) <= c.srv.options.QueueBytes {
		c.enqueue(func(b *batch) { b.raw(frames) })
	}
}

// RemoteAddr implements transport.Conn.
func (c *conn) RemoteAddr() string { return c.raw.RemoteAddr().String() }

// Stats implements transport.Conn.
func (c *conn) Stats() transport.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}
