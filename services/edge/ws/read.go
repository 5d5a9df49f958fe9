package ws

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/lxzan/gws"

	"rollcall.dev/services/edge/transport"
)

// lingerBytes bounds what is read and thrown away behind a fault, so that the
// peer sees the ERROR and not a reset.
const lingerBytes = 4 << 20

// run reads until the connection ends and sees to its end. Its frame is on
// the stack of every idle connection.
func (c *conn) run(socket *gws.Conn) {
	defer c.ended()
	socket.ReadLoop()
}

// ended is deferred by run. Whatever panics in gws's loop costs the
// connection only.
func (c *conn) ended() {
	if p := recover(); p != nil {
		c.panicked(p)
	}
	defer c.srv.live.Done()
	c.reading.Lock() // the last message is handled
	defer c.reading.Unlock()
	c.finish()
}

// panicked closes the connection without asking its handler, whose state is
// unknown.
func (c *conn) panicked(p any) {
	c.srv.options.Logger.Error("panic on a connection", "addr", c.RemoteAddr(), "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == open {
		c.cause = transport.Panic
		const reason = "internal error"
		c.shut(transport.CodeInternal, closePayload(transport.CodeInternal, reason), c.farewell(transport.CodeInternal, reason, nil)...)
	}
}

// message hands a message over. The reader waits until the one before it is
// handled, and its own stack stays small.
func (c *conn) message(m *gws.Message) {
	c.reading.Lock()
	go c.handle(m)
}

func (c *conn) handle(m *gws.Message) {
	defer c.reading.Unlock()
	defer m.Close()
	c.heard()
	c.take(m.Bytes())
}

// count counts a message in, and reports whether it is for anybody.
func (c *conn) count(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.MessagesIn++
	c.stats.BytesIn += uint64(n)
	return c.phase == open
}

// finish ends the connection after reading has ended, and tells the handler.
func (c *conn) finish() {
	peer, byPeer := errors.AsType[*gws.CloseError](c.readErr)
	if byPeer && c.verdict != transport.CodeProtocol && c.verdict != transport.CodeInvalidText {
		c.answerClose(peer.Code)
	} else if fault, ok := c.fault(); ok {
		c.blame(fault)
	} else {
		c.lose()
	}
	c.settle()
	c.srv.all.remove(c)
	c.tellClosed(byPeer)
}

// answerClose echoes the code of the peer's close frame (RFC 6455, 5.5.1; gws
// would say 1000 for all below 1016); what waited is of no use to it.
func (c *conn) answerClose(code uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != open {
		return // this is the answer to ours
	}
	c.drop()
	c.cause = transport.Peer
	c.shut(code, closePayload(code, ""))
	if code == 0 {
		c.code = transport.CodeNoStatus
	}
}

// fault is what was wrong with what was read, if it wasn't just the end.
func (c *conn) fault() (transport.Fault, bool) {
	switch {
	case c.bad != nil:
		return transport.Fault{Cause: transport.Violation, Code: transport.CodeProtocol, Err: c.bad}, true
	case errors.Is(c.readErr, os.ErrDeadlineExceeded):
		return transport.Fault{Cause: transport.Silent, Code: transport.CodePolicy, Err: c.readErr}, true
	case c.verdict == transport.CodeTooLarge:
		return c.tooLarge(), true
	case c.verdict > transport.CodeNormal:
		return transport.Fault{Cause: transport.Violation, Code: int(c.verdict), Err: c.readErr}, true
	default:
		return transport.Fault{}, false // end of stream or reset, for which gws says 1000
	}
}

func (c *conn) tooLarge() transport.Fault {
	err := fmt.Errorf("the message is larger than %d bytes", c.srv.options.ReadLimit)
	return transport.Fault{Cause: transport.TooLarge, Code: transport.CodeTooLarge, Err: err}
}

// blame ends a connection whose stream can't be read on.
func (c *conn) blame(f transport.Fault) {
	c.complain(f)
	<-c.quiet
	c.linger()
}

// complain lets the handler say goodbye, or does it itself.
func (c *conn) complain(f transport.Fault) {
	c.mu.Lock()
	ours := c.phase == open
	if ours {
		c.cause = f.Cause
	}
	c.mu.Unlock()
	if ours {
		c.guarded(func() { c.handler.Fault(f) })
		c.Close(f.Code, f.Cause.String(), nil)
	}
}

// linger reads on for a while after our close frame.
func (c *conn) linger() {
	if half, ok := c.raw.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.CopyN(io.Discard, c.raw, lingerBytes)
}

// lose: the stream has ended.
func (c *conn) lose() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == open {
		c.abandon(transport.Lost, transport.CodeAbnormal)
	}
}

// settle waits until what can be written is, and closes the socket.
func (c *conn) settle() {
	<-c.quiet
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase = closed
	_ = c.raw.Close()
}

func (c *conn) tellClosed(closeFrame bool) {
	c.mu.Lock()
	end := transport.End{Cause: c.cause, Code: int(c.code), Err: c.readErr}
	c.mu.Unlock()
	end.Clean = closeFrame && (end.Cause == transport.Local || end.Cause == transport.Peer)
	c.guarded(func() { c.handler.Closed(end) })
}

// guarded calls into the handler; its panic must not end the process.
func (c *conn) guarded(f func()) {
	defer func() {
		if p := recover(); p != nil {
			c.panicked(p)
		}
	}()
	f()
}
