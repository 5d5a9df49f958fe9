package ws

import (
	"errors"
	"os"
	"time"
)

// The read deadline is lazy: a sign of life only notes the time, and the sweep
// moves the deadline. So a message costs no timer, and the idle reader's stack
// stays small. Should the deadline pass before the next sweep, which happens on
// a machine that is overloaded, it is looked at how much patience is left.

// KeepAlive implements transport.Conn.
func (c *conn) KeepAlive(heartBeats bool) {
	c.heard()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heartBeats = heartBeats
	if !c.keepAlive && c.phase == open {
		_ = c.raw.SetReadDeadline(time.Now().Add(c.srv.options.ReadTimeout))
	}
	c.keepAlive = true
}

// heard notes a sign of life: a message, a ping or a pong.
func (c *conn) heard() { c.heardAt.Store(int64(time.Since(c.srv.epoch))) }

// extend moves the read deadline to where the last sign of life puts it. mu is
// held.
func (c *conn) extend() {
	if c.phase == open {
		_ = c.raw.SetReadDeadline(c.until())
	}
}

// until is how long the peer may be silent: a standstill of our own doesn't
// count.
func (c *conn) until() time.Time {
	from := max(time.Duration(c.heardAt.Load()), c.srv.stood.look(time.Since(c.srv.epoch)))
	return c.srv.epoch.Add(from + c.srv.options.ReadTimeout)
}

// patient decides, when a read has failed, whether to read on: if the
// deadline passed, but something was heard since it was set, or the process
// stood still. It asks a
// goroutine of its own: the reader's stack would double for good.
func (c *conn) patient(err error) bool {
	answer := make(chan bool, 1)
	go c.decide(err, answer)
	return <-answer
}

func (c *conn) decide(err error, answer chan<- bool) { answer <- c.readsOn(err) }

func (c *conn) readsOn(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open || !c.keepAlive {
		return false
	}
	until := c.until()
	if !time.Now().Before(until) {
		return false
	}
	return c.raw.SetReadDeadline(until) == nil
}

// pong answers a ping, with its payload (RFC 6455, 5.5.3).
func (c *conn) pong(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	frame := appendHeader(make([]byte, 0, 2+len(payload)), opPong, len(payload))
	c.control(append(frame, payload...))
}
