package sockjs

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"

	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/ws"
)

// accept asks for the handler. reading, which the session was made with, is
// free after it.
func (c *conn) accept(r *http.Request) {
	defer func() { <-c.reading }()
	if c.handler = c.srv.ask(r, c); c.handler == nil {
		c.handler = deaf{}
		c.Close(transport.CodeInternal, "refused", nil)
	}
}

// ask calls Accept; a panic in there is a refusal.
func (s *Server) ask(r *http.Request, c *conn) (h transport.Handler) {
	defer func() {
		if p := recover(); p != nil {
			s.options.Logger.Error("panic on accepting a connection", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			h = nil
		}
	}()
	return s.options.Accept(r, c)
}

// deaf is the handler of a session that is only closed.
type deaf struct{}

func (deaf) Data([]byte)           {}
func (deaf) Fault(transport.Fault) {}
func (deaf) Closed(transport.End)  {}

var readers = sync.Pool{New: func() any { return bufio.NewReader(nil) }}

// send is a request that brings messages.
func (s *Server) send(w http.ResponseWriter, r *http.Request, id string) {
	c := s.find(id)
	if c == nil || !c.isOpen() {
		http.NotFound(w, r)
		return
	}
	body := readers.Get().(*bufio.Reader)
	body.Reset(http.MaxBytesReader(w, r.Body, s.options.BodyLimit))
	err := decode(body, s.options.ReadLimit, c.take)
	body.Reset(nil)
	readers.Put(body)
	c.sent(w, err)
}

func (c *conn) isOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == open
}

// take hands a message over, unless nobody listens any more. A body that comes
// slowly holds nothing up: each message waits for its own turn.
func (c *conn) take(p []byte) {
	c.reading <- struct{}{}
	defer func() { <-c.reading }()
	c.mu.Lock()
	c.stats.MessagesIn++
	c.stats.BytesIn += uint64(len(p))
	heard := c.phase == open
	c.mu.Unlock()
	if heard {
		c.guarded(func() { c.handler.Data(p) })
	}
}

// sent answers a request that brought messages. What isn't JSON harms nothing
// but itself, as the protocol has it; a message that is too large, or whose end
// didn't come, leaves a gap in what the session reads and ends it.
func (c *conn) sent(w http.ResponseWriter, err error) {
	tooMuch, _ := errors.AsType[*http.MaxBytesError](err)
	switch {
	case err == nil:
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errEmpty):
		http.Error(w, "Payload expected.", http.StatusInternalServerError)
	case errors.Is(err, errSyntax), errors.Is(err, errUTF8):
		http.Error(w, "Broken JSON encoding.", http.StatusInternalServerError)
	case tooMuch != nil, errors.Is(err, ws.ErrTooLarge):
		c.complain(transport.Fault{Cause: transport.TooLarge, Code: transport.CodeTooLarge, Err: err})
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		http.Error(w, "the body took too long", http.StatusRequestTimeout)
		c.gap(err)
	default:
		c.gap(err) // nobody is there to read an answer
	}
}

// gap: messages were lost on their way.
func (c *conn) gap(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.abandon(transport.Lost, transport.CodeAbnormal, fmt.Errorf("a body broke off: %w", err))
}
