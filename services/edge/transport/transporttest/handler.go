package transporttest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

// handler keeps what it was told, and watches that calls don't overlap.
type handler struct {
	t      *testing.T
	conn   transport.Conn
	data   func(h *handler, p []byte)
	fault  func(h *handler, f transport.Fault)
	inside atomic.Int32

	mu     sync.Mutex
	got    []string
	faults []transport.Fault
	ends   []transport.End
	closed chan struct{}
}

func (h *handler) enter() func() {
	if h.inside.Add(1) != 1 {
		h.t.Error("calls overlap")
	}
	if h.ended() > 0 {
		h.t.Error("a call after Closed")
	}
	return func() { h.inside.Add(-1) }
}

func (h *handler) ended() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.ends)
}

// Data implements transport.Handler.
func (h *handler) Data(p []byte) {
	defer h.enter()()
	h.mu.Lock()
	h.got = append(h.got, string(p))
	h.mu.Unlock()
	if h.data != nil {
		h.data(h, p)
	}
	clear(p) // which it may
}

// Fault implements transport.Handler.
func (h *handler) Fault(f transport.Fault) {
	defer h.enter()()
	h.mu.Lock()
	h.faults = append(h.faults, f)
	h.mu.Unlock()
	if h.fault != nil {
		h.fault(h, f)
	}
}

// Closed implements transport.Handler.
func (h *handler) Closed(e transport.End) {
	defer h.enter()()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ends = append(h.ends, e)
	if len(h.ends) == 1 {
		close(h.closed)
	}
}

// end waits for how the connection ended.
func (h *handler) end() transport.End {
	h.t.Helper()
	select {
	case <-h.closed:
	case <-time.After(limit):
		h.t.Fatal("the connection did not end")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.ends[0]
}

func (h *handler) seen() (got []string, faults []transport.Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(got, h.got...), append(faults, h.faults...)
}

// stage is a server with handlers that a test can reach.
type stage struct {
	Server
	t        *testing.T
	handlers chan *handler
	data     func(h *handler, p []byte)
	fault    func(h *handler, f transport.Fault)
	deaf     bool // KeepAlive isn't called
}

func newStage(t *testing.T, k Kind, o Options, change func(*stage)) *stage {
	t.Helper()
	if o.PingInterval == 0 {
		o.PingInterval = time.Hour // nothing between what a test expects
	}
	s := &stage{t: t, handlers: make(chan *handler, 16)}
	if change != nil {
		change(s)
	}
	s.Server = k.Start(t, o, func(c transport.Conn) transport.Handler {
		h := &handler{t: t, conn: c, data: s.data, fault: s.fault, closed: make(chan struct{})}
		if !s.deaf {
			c.KeepAlive(false)
		}
		s.handlers <- h
		return h
	})
	t.Cleanup(s.stop)
	return s
}

func (s *stage) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		s.t.Errorf("stop: %v", err)
	}
	if n := s.Len(); n != 0 {
		s.t.Errorf("%d connections are left", n)
	}
}

// dial connects a client and returns both sides.
func (s *stage) dial() (Client, *handler) {
	s.t.Helper()
	c := s.Dial(s.t)
	select {
	case h := <-s.handlers:
		return c, h
	case <-time.After(limit):
		s.t.Fatal("no connection")
		return nil, nil
	}
}

func echo(h *handler, p []byte) { _ = h.conn.Send(p) }

// want expects messages, in order.
func want(t *testing.T, c Client, messages ...string) {
	t.Helper()
	for i, m := range messages {
		if got, end := c.Receive(); end != nil || got != m {
			t.Fatalf("message %d: %.60q (%d bytes), end %v; want %.60q (%d)", i, got, len(got), end, m, len(m))
		}
	}
}

func wantEnd(t *testing.T, c Client, code int, reason string) {
	t.Helper()
	if got, end := c.Receive(); end == nil || end.Code != code || end.Reason != reason {
		t.Fatalf("got %.60q, end %+v; want %d %s", got, end, code, reason)
	}
}
