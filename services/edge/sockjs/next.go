package sockjs

import (
	"bytes"
	"time"

	"rollcall.dev/services/edge/transport"
)

// batchBytes is about how much is written at once.
const batchBytes = 32 << 10

// piece is what a receiving request is to do next.
type piece struct {
	frames []byte
	queued int       // bytes of the queue that are in frames
	last   bool      // the response ends behind them
	due    time.Time // without frames: when to ask again
}

// next finds what is to be written to r, appended to dst.
func (c *conn) next(r *receiver, dst []byte) piece {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	p := piece{frames: dst}
	if c.phase == open {
		r.limit(now.Add(c.srv.options.WriteTimeout))
	} else if c.phase == closing {
		r.limit(c.since.Add(c.srv.options.CloseTimeout))
	}
	beat := c.spoke.Add(c.srv.options.PingInterval * 9 / 10)
	switch {
	case c.phase == closed:
		p.last = true
		return p
	case !c.greeted:
		c.greeted = true
		p.frames = r.frame(dst, openFrame)
	case len(c.queue) > 0:
		p.queued, p.frames = c.batch(r, dst)
	case c.phase == closing:
		p.frames, p.last = r.frame(dst, c.goodbye), true
		c.phase = closed // it has until CloseTimeout to be written
		return p
	case c.keepAlive && !now.Before(beat):
		p.frames = r.frame(dst, c.silence())
	case !now.Before(r.until):
		p.last = true
		if !r.kind.streams {
			p.frames = r.frame(dst, hushFrame) // a poll that is answered with nothing is a broken one
		}
		return p
	}
	p.last = len(p.frames) > 0 && !r.kind.streams || r.written+len(p.frames) > c.srv.options.ResponseLimit
	p.due = r.until
	if c.keepAlive && beat.Before(p.due) {
		p.due = beat
	}
	return p
}

// silence is what is said for want of anything else.
func (c *conn) silence() []byte {
	if c.heartBeats {
		return beatFrame
	}
	return hushFrame
}

// batch takes messages that wait, as many as are written at once.
func (c *conn) batch(r *receiver, dst []byte) (queued int, _ []byte) {
	dst = append(dst, r.kind.before...)
	from := len(dst)
	dst = append(dst, 'a', '[')
	n := 0
	for ; n < len(c.queue) && len(dst)-from < batchBytes; n++ {
		if n > 0 {
			dst = append(dst, ',')
		}
		m := c.queue[n]
		dst = append(appendEscaped(appendEscaped(append(dst, '"'), m.head), m.tail), '"')
		queued += m.size()
	}
	clear(c.queue[:n])
	if c.queue = c.queue[n:]; len(c.queue) == 0 {
		c.queue = nil
	}
	return queued, append(r.escape(append(dst, ']'), from), r.kind.after...)
}

// frame appends one that has no messages in it.
func (r *receiver) frame(dst, frame []byte) []byte {
	dst = append(dst, r.kind.before...)
	from := len(dst)
	return append(r.escape(append(dst, frame...), from), r.kind.after...)
}

// escape escapes what stands behind from, if the client unescapes it.
func (r *receiver) escape(dst []byte, from int) []byte {
	if !r.kind.escapes || bytes.IndexByte(dst[from:], '%') < 0 {
		return dst
	}
	return append(dst[:from], bytes.ReplaceAll(dst[from:], []byte("%"), []byte("%25"))...)
}

// brokenOff: the client's side of the receiving request is gone, and by the
// protocol so is the client.
func (c *conn) brokenOff() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != closed {
		c.abandon(transport.Lost, transport.CodeAbnormal, errBroken)
	}
}
