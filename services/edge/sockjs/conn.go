package sockjs

import (
	"errors"
	"os"
	"sync"
	"time"

	"rollcall.dev/services/edge/transport"
)

// phase of a session; it only grows.
type phase uint8

const (
	open    phase = iota
	closing       // what waits and the close frame may still be fetched
	closed        // nothing more is told to the client
)

// itemCost is what a waiting message costs beside its bytes.
const itemCost = 64

// message waits to be fetched. The tail is shared with other sessions, so it is
// escaped only when it is written.
type message struct{ head, tail []byte }

func (m message) size() int { return len(m.head) + len(m.tail) + itemCost }

// conn is one session over HTTP.
type conn struct {
	srv      *Server
	id       string
	addr     string
	protocol string
	handler  transport.Handler // set before reading is released for the first time
	connect  time.Time         // when a CONNECT must have come

	// reading is held while the handler is called.
	reading chan struct{}
	wake    chan struct{} // tells run to look again

	mu         sync.Mutex
	phase      phase
	cause      transport.Cause
	code       int
	err        error
	keepAlive  bool
	heartBeats bool
	greeted    bool
	goodbye    []byte // the close frame
	queue      []message
	queued     int // bytes in queue and under way
	receiver   *receiver
	since      time.Time // when the last receiver left, or closing began
	spoke      time.Time // when something was last written
	stats      transport.Stats
}

var _ transport.Conn = (*conn)(nil)

func (s *Server) newConn(id, addr, protocol string) *conn {
	now := time.Now()
	c := &conn{srv: s, id: id, addr: addr, protocol: protocol, connect: now.Add(s.options.ConnectTimeout), since: now, spoke: now,
		reading: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	c.reading <- struct{}{}
	return c
}

// Send implements transport.Conn.
func (c *conn) Send(frame []byte) error { return c.SendShared(frame, nil) }

// SendShared implements transport.Conn.
func (c *conn) SendShared(head, tail []byte) error {
	m := message{tail: tail}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase != open:
		return transport.ErrClosed
	case c.queued+m.size()+len(head) > c.srv.options.QueueBytes:
		return transport.ErrSlow
	}
	m.head = append([]byte(nil), head...)
	c.add(m)
	return nil
}

// add queues a message. mu is held.
func (c *conn) add(m message) {
	c.stats.MessagesOut++
	c.stats.BytesOut += uint64(len(m.head) + len(m.tail))
	c.queue = append(c.queue, m)
	c.queued += m.size()
	c.receiver.signal()
}

// Close implements transport.Conn.
func (c *conn) Close(code int, reason string, last []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return
	}
	if code == transport.CodeSlowConsumer {
		c.drop()
	}
	if len(last) > 0 {
		c.add(message{tail: last})
	}
	c.phase, c.code, c.since = closing, code, time.Now()
	c.goodbye = closeFrame(code, reason)
	c.receiver.limit(c.since.Add(c.srv.options.CloseTimeout))
	c.receiver.signal()
	notify(c.wake)
}

// abandon ends a session to whose client nothing can be told. mu is held.
func (c *conn) abandon(cause transport.Cause, code int, err error) {
	if c.phase == open {
		c.cause, c.code, c.err = cause, code, err
	}
	c.phase = closed
	c.drop()
	c.receiver.limit(time.Now())
	c.receiver.signal()
	notify(c.wake)
}

// cutOff ends a session by force.
func (c *conn) cutOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon(transport.Lost, transport.CodeAbnormal, errors.New("cut off"))
}

// failWrite: the client reads nothing, or is gone. mu is held.
func (c *conn) failWrite(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.abandon(transport.Slow, transport.CodeSlowConsumer, err)
	} else {
		c.abandon(transport.Lost, transport.CodeAbnormal, err)
	}
}

// drop forgets what waits. mu is held.
func (c *conn) drop() {
	for _, m := range c.queue {
		c.queued -= m.size()
	}
	c.queue = nil
}

// KeepAlive implements transport.Conn.
func (c *conn) KeepAlive(heartBeats bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepAlive, c.heartBeats = true, heartBeats
	c.receiver.signal() // which knows now when it is to speak
	notify(c.wake)
}

// RemoteAddr implements transport.Conn.
func (c *conn) RemoteAddr() string { return c.addr }

// Protocol implements transport.Conn.
func (c *conn) Protocol() string { return c.protocol }

// Stats implements transport.Conn.
func (c *conn) Stats() transport.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// notify leaves a note in a channel that holds one.
func notify(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
