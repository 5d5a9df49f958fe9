package session_test

import (
	"fmt"
	"runtime"
	"testing"

	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
)

// An idle session with one subscription holds a few hundred bytes.
func TestIdleSessionIsSmall(t *testing.T) {
	const n = 2000
	cfg := config()
	sessions := make([]*session.Session, n)
	acts := make([]session.Action, 0, 8)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range sessions {
		s := session.New(cfg)
		acts = s.Feed(acts[:0], []byte("CONNECT\naccept-version:1.2\nlogin:alice\n\n\x00"))
		acts = s.Accept(acts[:0], "S1", "alice", grant.Everything())
		acts = s.Feed(acts[:0], fmt.Appendf(nil, "SUBSCRIBE\nid:sub-0\ndestination:/topic/room.%d\n\n\x00", i))
		sessions[i] = s
	}
	clear(acts[:cap(acts)])
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := int64(after.HeapAlloc-before.HeapAlloc) / n; each > 400 {
		t.Errorf("%d bytes a session", each)
	} else {
		t.Logf("%d bytes a session", each)
	}
	runtime.KeepAlive(sessions)
}

func BenchmarkSend(b *testing.B) {
	cfg := config()
	s := session.New(cfg)
	s.Feed(nil, []byte("CONNECT\naccept-version:1.2\nlogin:alice\n\n\x00"))
	s.Accept(nil, "S1", "alice", grant.Everything())
	data := []byte("SEND\ndestination:/topic/room.1\ncontent-type:application/json\n\n{\"text\":\"hello\"}\x00")
	acts := make([]session.Action, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		acts = s.Feed(acts[:0], data)
	}
}
