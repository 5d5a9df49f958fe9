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
		if err := x.accept(c); err != nil {
			t.Fatal(err)
		}
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

// The log was heard when the fetch came, not when there was room to fold it: an
// outage behind a fetch that waited would be hidden by it, and the hold of dues
// would go on through it.
func TestAFetchThatWaitedHidesNoOutage(t *testing.T) {
	x := idleTask(t, rooms.Fold{})
	begin := time.Now()
	for _, at := range []time.Duration{0, 100 * time.Millisecond, 6500 * time.Millisecond} { // the second is folded after 5 s
		if err := x.accept(chunk{at: begin.Add(at)}); err != nil {
			t.Fatal(err)
		}
		if want := begin.Add(at); !x.heard.Equal(want) {
			t.Errorf("heard %v after the fetch of %v", x.heard.Sub(want), at)
		}
	}
	if got := x.steady.Sub(begin); got != 6500*time.Millisecond {
		t.Errorf("heard steadily since %v, but nothing came between 100ms and 6.5s", got)
	}
}
