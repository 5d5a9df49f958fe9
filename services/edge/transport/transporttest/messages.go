package transporttest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

func testEcho(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, func(s *stage) { s.data = echo })
	c, h := s.dial()
	messages := []string{"x", "\n", "a:b\n\n\x00", `"quoted" \ back/slash`, "Füße 日本語 🎉\u2028", "\x01\x1f\x7f 100% %41", strings.Repeat("y", 125),
		strings.Repeat("y", 126), strings.Repeat("é", 30_000), strings.Repeat("z", 64<<10)}
	bytes := 0
	for _, m := range messages {
		bytes += len(m)
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
		want(t, c, m)
	}
	n := uint64(len(messages))
	if st := h.conn.Stats(); st != (transport.Stats{MessagesIn: n, MessagesOut: n, BytesIn: uint64(bytes), BytesOut: uint64(bytes)}) {
		t.Errorf("stats %+v for %d messages of %d bytes", st, n, bytes)
	}
}

// The head is copied, the tail may be kept, and both are one message.
func testShared(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, nil)
	c, h := s.dial()
	small, large := []byte("small \"tail\"\x00"), []byte(strings.Repeat("%\n", 20_000))
	head := []byte("head 1 ")
	for _, tail := range [][]byte{small, large} {
		if err := h.conn.SendShared(head, tail); err != nil {
			t.Fatal(err)
		}
	}
	copy(head, "XXXXXXX")
	want(t, c, "head 1 "+string(small), "head 1 "+string(large))
}

// All that one side says arrives in its order, also while the other speaks.
func testOrder(t *testing.T, k Kind) {
	const n = 300
	s := newStage(t, k, Options{}, func(s *stage) { s.data = echo })
	c, _ := s.dial()
	sent := make(chan error, 1)
	go func() {
		for i := range n {
			if err := c.Send(fmt.Sprint("message ", i)); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for i := range n {
		want(t, c, fmt.Sprint("message ", i))
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

func testFacts(t *testing.T, k Kind) {
	s := newStage(t, k, Options{}, nil)
	_, h := s.dial()
	if p := h.conn.Protocol(); p != k.Protocol {
		t.Errorf("protocol %q, want %q", p, k.Protocol)
	}
	if a := h.conn.RemoteAddr(); !strings.HasPrefix(a, "127.0.0.1:") {
		t.Errorf("remote address %q", a)
	}
	if n := s.Len(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Who reads gets heart-beats, that are none of the messages counted.
func testHeartBeats(t *testing.T, k Kind) {
	s := newStage(t, k, Options{PingInterval: 200 * time.Millisecond}, nil)
	c, h := s.dial()
	h.conn.KeepAlive(true)
	want(t, c, "\n", "\n", "\n")
	if st := h.conn.Stats(); st.MessagesOut != 0 {
		t.Errorf("stats %+v", st)
	}
}

// Who asked for none isn't bothered, and lives as long as it answers the
// transport's own.
func testNoHeartBeats(t *testing.T, k Kind) {
	s := newStage(t, k, Options{PingInterval: 200 * time.Millisecond}, nil)
	c, h := s.dial()
	timer := time.AfterFunc(time.Second, func() { _ = h.conn.Send([]byte("still there")) })
	defer timer.Stop()
	want(t, c, "still there")
}
