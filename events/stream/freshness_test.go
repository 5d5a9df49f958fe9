package stream

import (
	"testing"
	"time"

	"rollcall.dev/events/stream/internal/rooms"
)

// A state is as fresh as the last fetch that it holds all of: neither a fetch
// that waited to be folded nor one of a backlog makes it younger.
func TestAStateIsAsFreshAsTheLogWasLastSeenToItsEnd(t *testing.T) {
	x := idleTask(t, rooms.Fold{})
	s := &Service{parts: x.parts}
	s.board.set(0, Restoring, x, nil)
	s.board.set(0, Running, x, nil)
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	fold := func(c chunk) View {
		t.Helper()
		x.accept(c)
		if err := x.take(); err != nil {
			t.Fatal(err)
		}
		v, ok := s.View(0)
		if !ok {
			t.Fatal("no view")
		}
		return v
	}
	waited := ago(time.Minute)
	if v := fold(chunk{next: 0, highWatermark: 0, at: waited}); v.Lag != 0 || !v.Fresh.Equal(waited) || !v.Stale {
		t.Errorf("a fetch that waited for a minute: %+v", v.Freshness)
	}
	if v := fold(chunk{next: 0, highWatermark: 100, at: time.Now()}); v.Lag != 100 || !v.Fresh.Equal(waited) || !v.Stale {
		t.Errorf("with a backlog: %+v", v.Freshness)
	}
	now := time.Now()
	if v := fold(chunk{next: 100, highWatermark: 100, at: now}); v.Lag != 0 || !v.Fresh.Equal(now) || v.Stale {
		t.Errorf("caught up: %+v", v.Freshness)
	}
	if v := fold(chunk{next: 100, highWatermark: 101, at: now.Add(time.Millisecond)}); v.Lag != 1 || v.Stale {
		t.Errorf("one record behind: %+v", v.Freshness)
	}
}
