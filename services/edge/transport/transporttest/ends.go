package transporttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

// What is queued comes first, then the last message, then code and reason.
func testClose(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, nil)
	c, h := s.dial()
	big := strings.Repeat("w", 50_000)
	for range 3 {
		if err := h.conn.Send([]byte(big)); err != nil {
			t.Fatal(err)
		}
	}
	h.conn.Close(1008, "kicked", []byte("ERROR"))
	h.conn.Close(1000, "second", []byte("not this"))
	if err := h.conn.Send([]byte("late")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send while closing: %v", err)
	}
	want(t, c, big, big, big, "ERROR")
	wantEnd(t, c, 1008, "kicked")
	if e := h.end(); e.Cause != transport.Local || e.Code != 1008 {
		t.Errorf("end %+v", e)
	}
	if err := h.conn.Send([]byte("late")); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after the end: %v", err)
	}
}

// A queue without room refuses a message and is unharmed.
func testFull(t *testing.T, k Kind) {
	s := newStage(t, k, Options{QueueBytes: 10_000}, nil)
	c, h := s.dial()
	if err := h.conn.Send(make([]byte, 10_000)); !errors.Is(err, transport.ErrSlow) {
		t.Errorf("a message of the whole queue: %v", err)
	}
	if err := h.conn.Send([]byte("fits")); err != nil {
		t.Fatal(err)
	}
	want(t, c, "fits")
}

// A slow consumer, when it reads again, is told why.
func testCloseSlow(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, nil)
	c, h := s.dial()
	fill(t, h.conn)
	h.conn.Close(transport.CodeSlowConsumer, "slow_consumer", []byte("ERROR"))
	for m := ""; m != "ERROR"; {
		var end *End
		if m, end = c.Receive(); end != nil {
			t.Fatalf("ended with %+v", *end)
		}
	}
	wantEnd(t, c, transport.CodeSlowConsumer, "slow_consumer")
	if e := h.end(); e.Cause != transport.Local || e.Code != transport.CodeSlowConsumer {
		t.Errorf("end %+v", e)
	}
}

// fill sends until nothing has room any more: the client reads nothing.
func fill(t *testing.T, c transport.Conn) {
	t.Helper()
	deadline := time.Now().Add(limit)
	chunk := []byte(strings.Repeat("f", 30_000))
	for refused := 0; refused < 20; {
		switch err := c.Send(chunk); {
		case err == nil:
			refused = 0
		case errors.Is(err, transport.ErrSlow):
			refused++
			time.Sleep(5 * time.Millisecond) // the time itself is the subject: no room for a while
		default:
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("there is always room")
		}
	}
}

// A message over the limit is a fault that the handler can speak about.
func testTooLarge(t *testing.T, k Kind) {
	s := newStage(t, k, Options{ReadLimit: 1000}, func(s *stage) {
		s.fault = func(h *handler, f transport.Fault) { h.conn.Close(f.Code, "too_large", []byte("ERROR too large")) }
	})
	c, h := s.dial()
	if err := c.Send(strings.Repeat("s", 1000)); err != nil {
		t.Fatal(err)
	}
	_ = c.Send(strings.Repeat("l", 5000))
	want(t, c, "ERROR too large")
	wantEnd(t, c, transport.CodeTooLarge, "too_large")
	e := h.end()
	got, faults := h.seen()
	if len(faults) != 1 || faults[0].Cause != transport.TooLarge || faults[0].Code != transport.CodeTooLarge || faults[0].Err == nil {
		t.Errorf("faults %+v", faults)
	}
	if len(got) != 1 || e.Cause != transport.TooLarge || e.Code != transport.CodeTooLarge {
		t.Errorf("%d messages, end %+v", len(got), e)
	}
}

// Who says nothing that counts is a fault, and told if the handler doesn't.
func testSilent(t *testing.T, k Kind) {
	s := newStage(t, k, Options{ConnectTimeout: 100 * time.Millisecond}, func(s *stage) { s.deaf = true })
	c, h := s.dial()
	wantEnd(t, c, transport.CodePolicy, "silent")
	e := h.end()
	if _, faults := h.seen(); len(faults) != 1 || faults[0].Cause != transport.Silent || e.Cause != transport.Silent || e.Code != transport.CodePolicy {
		t.Errorf("faults %+v, end %+v", faults, e)
	}
}

// A client that breaks off is lost, of which nobody is left to be told.
func testVanished(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, func(s *stage) { s.data = echo })
	c, h := s.dial()
	if err := c.Send("hello"); err != nil {
		t.Fatal(err)
	}
	want(t, c, "hello")
	began := time.Now()
	c.Vanish()
	if e := h.end(); e.Cause != transport.Lost || e.Code != transport.CodeAbnormal || e.Clean {
		t.Errorf("end %+v", e)
	}
	if took := time.Since(began); took > k.LostWithin {
		t.Errorf("lost after %v, want %v", took, k.LostWithin)
	}
	if _, faults := h.seen(); len(faults) != 0 {
		t.Errorf("faults %+v", faults)
	}
}

// A panic costs its connection, and nobody else's.
func testPanic(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, func(s *stage) {
		s.data = func(h *handler, p []byte) {
			if string(p) == "panic" {
				panic("as the test wants")
			}
			echo(h, p)
		}
	})
	other, _ := s.dial()
	c, h := s.dial()
	_ = c.Send("panic")
	wantEnd(t, c, transport.CodeInternal, "internal error")
	if e := h.end(); e.Cause != transport.Panic || e.Code != transport.CodeInternal {
		t.Errorf("end %+v", e)
	}
	if err := other.Send("alive"); err != nil {
		t.Fatal(err)
	}
	want(t, other, "alive")
}

// Stop tells everybody, waits for the ends and takes a bounded time.
func testStop(t *testing.T, k Kind) {
	s := newStage(t, k, Options{Stop: 300 * time.Millisecond}, nil)
	c, h := s.dial()
	_, unread := s.dial() // its client doesn't come to hear of it
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	stopped := make(chan error, 1)
	began := time.Now()
	go func() { stopped <- s.Stop(ctx) }()
	wantEnd(t, c, transport.CodeRestart, "server_shutdown")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	for _, h := range []*handler{h, unread} {
		if h.ended() != 1 || h.end().Cause != transport.Local || h.end().Code != transport.CodeRestart {
			t.Errorf("end %+v when Stop has returned", h.end())
		}
	}
}

// Without a handler there is no session.
func testRefused(t *testing.T, k Kind) {
	server := k.Start(t, Options{}, func(transport.Conn) transport.Handler { return nil })
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	wantEnd(t, server.Dial(t), transport.CodeInternal, "refused")
}
