package ws

import (
	"encoding/binary"
	"time"

	"rollcall.dev/services/edge/transport"
)

// maxReason is what fits into a close frame beside the code (RFC 6455, 5.5).
const maxReason = 123

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
		c.stats.MessagesOut++
		c.stats.BytesOut += uint64(len(last))
	}
	c.shut(uint16(code), closePayload(uint16(code), reason), c.farewell(code, reason, last)...)
}

// shut begins the end: the last messages and the close frame are queued, and
// from now on everything together has CloseTimeout. With mu held, in phase open.
func (c *conn) shut(code uint16, payload []byte, last ...[]byte) {
	c.phase, c.code = closing, code
	c.quiet = make(chan struct{})
	_ = c.raw.SetDeadline(time.Now().Add(c.srv.options.CloseTimeout))
	c.enqueue(func(b *batch) {
		for _, message := range last {
			b.message(opText, nil, message)
		}
		b.message(opClose, payload, nil)
	})
}

// abandon ends a connection on which nothing can be written. With mu held.
func (c *conn) abandon(cause transport.Cause, code uint16) {
	if c.phase == open {
		c.cause, c.code = cause, code
		c.quiet = make(chan struct{})
		if !c.writing {
			close(c.quiet)
		}
	}
	c.phase = closed
	c.drop()
	_ = c.raw.Close()
}

// drop forgets what waits to be written. With mu held.
func (c *conn) drop() {
	if c.out != nil {
		c.queued -= int32(c.out.size)
		c.out.free()
		c.out = nil
	}
}

// closePayload is a close frame's content. Code 0 has none.
func closePayload(code uint16, reason string) []byte {
	if code == 0 {
		return nil
	}
	payload := binary.BigEndian.AppendUint16(nil, code)
	return append(payload, reason[:min(len(reason), maxReason)]...)
}
