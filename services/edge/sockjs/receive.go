package sockjs

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// kind is a way to receive over HTTP.
type kind struct {
	protocol    string
	contentType string
	prelude     string // fills what some clients buffer
	before      string // and after: around a frame
	after       string
	streams     bool // more than one frame to a response
	escapes     bool // percent signs, which the client unescapes
}

const scriptType = "application/javascript; charset=UTF-8"

var (
	polling   = kind{protocol: "sockjs-xhr-polling", contentType: scriptType, after: "\n"}
	streaming = kind{protocol: "sockjs-xhr-streaming", contentType: scriptType, after: "\n", streams: true,
		prelude: strings.Repeat("h", 2048) + "\n"}
	eventSource = kind{protocol: "sockjs-eventsource", contentType: "text/event-stream; charset=UTF-8", before: "data: ", after: "\r\n\r\n",
		streams: true, escapes: true, prelude: "\r\n"}
)

// receiver is a receiving request under way. Its methods do nothing on nil.
type receiver struct {
	kind    kind
	answer  *http.ResponseController
	ready   chan struct{}
	until   time.Time // when the client has to ask anew
	written int
}

// signal makes it look for something to write.
func (r *receiver) signal() {
	if r != nil {
		notify(r.ready)
	}
}

// limit bounds writing from now on. mu of the conn is held: the request is
// under way.
func (r *receiver) limit(at time.Time) {
	if r != nil {
		_ = r.answer.SetWriteDeadline(at)
	}
}

// attach makes a request the receiving one, unless there is one.
func (c *conn) attach(r *receiver) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receiver != nil {
		return false
	}
	c.receiver = r
	notify(c.wake)
	return true
}

// leave is the end of the receiving request.
func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.receiver = nil
	if c.phase == open {
		c.since = time.Now()
	}
	notify(c.wake)
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keepBelow = 64 << 10

// serve writes to a receiving request, which is attached, until it ends.
func (c *conn) serve(w http.ResponseWriter, q *http.Request, r *receiver) {
	defer c.leave()
	buf := buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= keepBelow {
			buffers.Put(buf)
		}
	}()
	timer := time.NewTimer(far)
	defer timer.Stop()
	*buf = append((*buf)[:0], r.kind.prelude...)
	for {
		p := c.next(r, *buf)
		if len(p.frames) > 0 && !c.write(w, r, p.frames, p.queued) {
			return
		}
		if p.last {
			return
		}
		if *buf = p.frames[:0]; len(p.frames) > 0 {
			continue
		}
		timer.Reset(time.Until(p.due))
		select {
		case <-r.ready:
		case <-timer.C:
		case <-q.Context().Done():
			c.brokenOff()
			return
		}
	}
}

// write writes within the time that next has set, and reports whether that went
// well.
func (c *conn) write(w http.ResponseWriter, r *receiver, frames []byte, queued int) bool {
	_, err := w.Write(frames)
	if err == nil && r.kind.streams {
		err = r.answer.Flush()
	}
	r.written += len(frames)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queued -= queued
	c.spoke = time.Now()
	if err != nil && c.phase != closed {
		c.failWrite(err)
	}
	return err == nil
}
