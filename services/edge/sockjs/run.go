package sockjs

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"rollcall.dev/services/edge/transport"
)

var (
	errSilent = errors.New("nothing was said in time")
	errAway   = errors.New("the client did not ask again")
	errBroken = errors.New("the receiving request was broken off")
)

// run keeps the clocks of a session and sees to its end.
func (c *conn) run() {
	defer c.srv.live.Done()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due, over := c.due()
		if over {
			break
		}
		timer.Reset(time.Until(due))
		select {
		case <-c.wake:
		case <-timer.C:
			c.expire(time.Now(), due)
		}
	}
	c.reading <- struct{}{} // the last message is handled
	c.srv.remove(c)
	c.mu.Lock()
	end := transport.End{Cause: c.cause, Code: c.code, Err: c.err}
	c.mu.Unlock()
	c.guarded(func() { c.handler.Closed(end) })
	<-c.reading // who came too late with a message finds nobody who listens
}

// far is for a session that waits for nothing.
const far = time.Hour

// due is when something is to be done next, and whether all is.
func (c *conn) due() (at time.Time, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at = time.Now().Add(far)
	switch c.phase {
	case closed:
		return at, c.receiver == nil
	case closing:
		return c.since.Add(c.srv.options.CloseTimeout), false
	}
	if c.receiver == nil {
		at = c.until()
	}
	if !c.keepAlive && c.connect.Before(at) {
		at = c.connect
	}
	return at, false
}

// until is when a client without a receiving request is lost.
func (c *conn) until() time.Time { return c.since.Add(c.srv.options.DisconnectDelay) }

// standstillAfter is how late a clock is when the process has stood still: it
// was stopped, or its machine was paused. Requests of clients that were in time
// wait unread then.
const standstillAfter = 2 * time.Second

// expire does what was due.
func (c *conn) expire(now, due time.Time) {
	if c.unanswered(now) {
		c.complain(transport.Fault{Cause: transport.Silent, Code: transport.CodePolicy, Err: errSilent})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.phase == closing && !now.Before(c.since.Add(c.srv.options.CloseTimeout)):
		c.abandon(c.cause, c.code, c.err)
	case c.phase != open || c.receiver != nil || now.Before(c.until()):
	case now.Sub(due) > standstillAfter:
		c.since = now
	default:
		c.abandon(transport.Lost, transport.CodeAbnormal, errAway)
	}
}

// unanswered reports whether the time for the CONNECT is over.
func (c *conn) unanswered(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == open && !c.keepAlive && !now.Before(c.connect)
}

// complain lets the handler say goodbye, or does it itself.
func (c *conn) complain(f transport.Fault) {
	c.reading <- struct{}{}
	defer func() { <-c.reading }()
	c.mu.Lock()
	ours := c.phase == open && !(f.Cause == transport.Silent && c.keepAlive) // which came meanwhile
	if ours {
		c.cause, c.err = f.Cause, f.Err
	}
	c.mu.Unlock()
	if ours {
		c.guarded(func() { c.handler.Fault(f) })
		c.Close(f.Code, f.Cause.String(), nil)
	}
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

// panicked closes the session without asking its handler, whose state is
// unknown.
func (c *conn) panicked(p any) {
	c.srv.options.Logger.Error("panic on a connection", "addr", c.addr, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
	c.mu.Lock()
	if c.phase == open {
		c.cause = transport.Panic
	}
	c.mu.Unlock()
	c.Close(transport.CodeInternal, "internal error", nil)
}
