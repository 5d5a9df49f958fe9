package hub

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/transport"
)

// newLingering is a stage whose channels linger as they do by default.
func newLingering(t testing.TB) *stage {
	s := newStage(t)
	s.h.cfg.Linger = linger
	return s
}

func TestLingerByDefault(t *testing.T) {
	if d := New(Config{Outbox: &fakeOutbox{}}).cfg.Linger; d != 5*time.Second {
		t.Fatalf("channels linger for %v", d)
	}
}

// One client that comes and goes must not have the whole roster sent each time.
func TestAFlappingClientAsksOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLingering(t)
		c, conn := s.connect("alice")
		subscribe(c, "1", "/topic/room", "")
		s.answer("room", "alice")
		for range 100 {
			feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
			time.Sleep(linger / 2)
			s.h.sweepLingering()
			conn.got()
			subscribe(c, "1", "/topic/room", "")
			s.want("at once", conn.got(), "MESSAGE presence.state")
		}
		if told := s.out.told(); strings.Count(told, "interested") != 1 {
			t.Fatalf("told %s", told)
		}
		feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
		s.out.told()
		time.Sleep(linger - time.Millisecond)
		s.h.sweepLingering()
		s.want("not yet", s.out.told())
		time.Sleep(time.Millisecond)
		s.h.sweepLingering()
		s.want("then", s.out.told(), "uninterested room")
		subscribe(c, "1", "/topic/room", "")
		s.want("anew", s.out.told(), "subscribed alice", "interested room")
		conn.got()
		s.answer("room", "alice")
		s.want("alice", conn.got(), "MESSAGE presence.state")
	})
}

// A cache that lingers is as good as one that is used.
func TestALingeringCacheFollowsTheChannel(t *testing.T) {
	s := newLingering(t)
	c, conn := s.connect("alice")
	subscribe(c, "1", "/topic/room", "")
	feed(c, "UNSUBSCRIBE\nid:1\n\n\x00") // before the state is there
	s.answer("room", "alice")
	s.deliver("room", joined("bob"), message("to nobody here"))
	s.out.ack()
	conn.got()
	subscribe(c, "1", "/topic/room", "r")
	if v := body(t, conn.frames[0]); v.Count != 2 {
		t.Fatalf("%d members", v.Count)
	}
	s.out.ack()
	s.want("alice", conn.got(), "MESSAGE presence.state", "RECEIPT r")
	s.deliver("room", joined("carol"))
	s.want("alice", conn.got(), "MESSAGE presence.diff")
}

// With a new epoch a cache that lingers asks like every other: else it would
// miss what nobody tells the old epoch any more.
func TestALingeringCacheAsksInANewEpoch(t *testing.T) {
	s := newLingering(t)
	c, conn := s.connect("b")
	subscribe(c, "1", "/topic/room2", "")
	s.answer("room2", "b")
	feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
	s.out.told()
	s.h.Entered(9)
	s.want("told", s.out.told(), "connected b again 0", "started 0", "interested room2", "started 0", "started 1", "started 1")
	conn.got()
	subscribe(c, "1", "/topic/room2", "r")
	s.out.ack()
	s.want("before the answer", conn.got(), "MESSAGE presence.state")
	s.answer("room2", "b")
	s.want("after it", conn.got(), "RECEIPT r")
}

func TestWhatLingersIsBounded(t *testing.T) {
	s := newLingering(t)
	c, _ := s.connect("alice")
	visit := func(room string) {
		subscribe(c, "1", "/watch/"+room, "")
		feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
	}
	for i := range maxLingering {
		visit(fmt.Sprint("room", i))
	}
	visit("room0") // the newest again
	if told := s.out.told(); strings.Contains(told, "uninterested") || s.h.lingering.count() != maxLingering {
		t.Fatalf("%d linger, told %s", s.h.lingering.count(), told)
	}
	visit("more")
	visit("still-more")
	var withdrawn []string
	for told := range strings.SplitSeq(s.out.told(), ", ") {
		if room, ok := strings.CutPrefix(told, "uninterested "); ok {
			withdrawn = append(withdrawn, room)
		}
	}
	s.want("the oldest", strings.Join(withdrawn, ", "), "room1", "room2")
	if n := s.h.lingering.count(); n != maxLingering {
		t.Fatalf("%d linger", n)
	}
}

// Nothing lingers on an edge that goes down: its lease would have to run out.
func TestDrainWithdrawsWhatLingers(t *testing.T) {
	s := newLingering(t)
	a, _ := s.connect("alice")
	b, _ := s.connect("bob")
	subscribe(a, "1", "/topic/room", "")
	subscribe(b, "1", "/topic/lobby", "")
	b.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	s.out.told()
	s.h.Drain()
	s.wantSet("told", s.out.told(), "uninterested room", "disconnected alice server_shutdown", "uninterested lobby")
	if n := s.h.lingering.count(); n != 0 {
		t.Fatalf("%d linger", n)
	}
}

// The loop ends what lingers; it takes no timer of a channel.
func TestTheLoopWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLingering(t)
		if err := s.h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c, _ := s.connect("alice")
		subscribe(c, "1", "/topic/room", "")
		s.answer("room")
		feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
		s.out.told()
		time.Sleep(linger + tick)
		synctest.Wait()
		s.want("told", s.out.told(), "uninterested room")
		if err := s.h.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// A channel may be taken up again after the loop has found it due.
func TestWhoReturnsInTimeIsNotWithdrawn(t *testing.T) {
	s := newLingering(t)
	c, _ := s.connect("alice")
	subscribe(c, "1", "/topic/room", "")
	feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
	found := s.h.lingering.due(s.h.now())
	subscribe(c, "1", "/topic/room", "")
	s.out.told()
	s.h.expel(found)
	s.want("in use", s.out.told())
	feed(c, "UNSUBSCRIBE\nid:1\n\n\x00") // lingers from now on
	s.h.expel(found)
	s.want("found before", s.out.told(), "unsubscribed alice")
	s.deliver("room", &schema.PresenceJoined{Channel: "room", User: "x"})
	s.want("still there", s.out.told())
}
