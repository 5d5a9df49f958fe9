package ws

import (
	"errors"
	"os"
	"time"

	"rollcall.dev/services/edge/transport"
)

// write writes what waits until nothing does. There is at most one at a time.
func (c *conn) write() {
	for b := c.next(nil, nil); b != nil; {
		b = c.next(b, b.writeTo(c.raw))
	}
}

// next notes how the last batch fared and takes what has gathered meanwhile;
// nil ends the writing.
func (c *conn) next(last *batch, err error) *batch {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last != nil {
		c.queued -= int32(last.size)
		last.free()
	}
	if err != nil && c.phase != closed {
		c.failWrite(err)
	}
	b := c.out
	c.out = nil
	if b == nil {
		c.writing = false
		if c.quiet != nil {
			close(c.quiet)
		}
		return nil
	}
	if c.phase == open {
		_ = c.raw.SetWriteDeadline(time.Now().Add(c.srv.options.WriteTimeout))
	}
	return b
}

// failWrite: the peer reads nothing, or is gone. With mu held.
func (c *conn) failWrite(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.abandon(transport.Slow, transport.CodeSlowConsumer)
	} else {
		c.abandon(transport.Lost, transport.CodeAbnormal)
	}
}
