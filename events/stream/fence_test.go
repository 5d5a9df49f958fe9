package stream_test

import (
	"fmt"
	"slices"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

// Two processes that both believe they own the partition, for each is alone in
// its group: they take it from one another again and again. Readers with a
// watermark notice nothing, and nothing is lost.
func TestTwoOwners(t *testing.T) {
	w := newWorld(t, 1)
	a, b := w.config("a"), w.config("b")
	b.Group += "-b"
	sa := w.start(a)
	w.running(sa, 0)
	sb := w.start(b)
	var want []string
	visits := map[string]int{}
	const users, rounds = 5, 120
	for i := range rounds {
		user := fmt.Sprintf("u%d", i%users)
		w.connect("e1", 1, user)
		visits[user]++
		want = append(want, fmt.Sprintf("join %s %d", user, visits[user]))
		if i%20 == 10 {
			// Let each of them have its turn: the one that runs is thrown out.
			w.running([]*stream.Service{sa, sb}[i/20%2], 0)
		}
	}
	w.connect("e1", 1, "last")
	want = append(want, "join last 1")
	if got := readAll(w, "join last 1"); !slices.Equal(got, want) {
		t.Errorf("readers were told\n%q, want\n%q", got, want)
	}
	owners := map[string]bool{}
	tail := w.tail(w.topics.Lifecycle(), 0)
	for len(owners) < 4 { // take-overs beyond the first two
		_, data := tail.event(schema.TypeOwnerStarted)
		owners[data.(*schema.OwnerStarted).Claim] = true
	}
}

// A truncated input stops the partition; nothing is skipped in silence.
func TestTruncatedInputStopsThePartition(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(w.config("i1"))
	events := w.tail(w.topics.ChannelEvents(), 0)
	for i := range 20 {
		w.connect("e1", 1, fmt.Sprintf("u%d", i))
	}
	events.said(20)
	w.stop(s)
	w.recreate(w.topics.Lifecycle())
	s = w.start(w.config("i2"))
	w.wait(s, 0, stream.Stopped)
	if err := s.Ready(); err == nil {
		t.Error("ready with a stopped partition")
	} else if _, ok := asRange(err); !ok {
		t.Errorf("not ready for another reason: %v", err)
	}
}

func TestStartStop(t *testing.T) {
	w := newWorld(t, 2)
	startstoptest.Stress(t, func() startstop.Service { return mustNew(t, w.config("i")) })
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := stream.New(stream.Config{}); err == nil {
		t.Error("an empty config was taken")
	}
	w := newWorld(t, 1)
	cfg := w.config("i")
	cfg.EdgeLease = cfg.HeartbeatInterval
	if _, err := stream.New(cfg); err == nil {
		t.Error("a lease of one heartbeat was taken")
	}
}
