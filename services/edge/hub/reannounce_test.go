package hub

import (
	"encoding/json"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/transport"
)

// While the sessions of a new epoch wait for their turn, one subscribes, one
// ends, one comes and one that was told already ends: each is told as it is when
// its turn comes, none after its end, and edge.started is last.
func TestScenario12WhatHappensDuringTheAnnouncement(t *testing.T) {
	s := newStage(t)
	a, _ := s.connect("a")
	gone, _ := s.connect("gone-a")
	b, _ := s.connect("b")
	s.out.told()
	s.out.set(func() { s.out.stuck["session.lifecycle/1"] = true })
	s.h.Entered(9)
	s.want("in the other partition", s.out.told(), "connected b again 0", "started 0", "started 0", "started 1")
	subscribe(a, "1", "/topic/room", "")
	gone.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	b.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	s.connect("c")
	s.want("meanwhile", s.out.told(), "subscribed a", "interested room",
		"disconnected gone-a connection_lost", "disconnected b connection_lost", "connected c")
	s.out.set(func() { clear(s.out.stuck) })
	s.h.workOff()
	s.want("in its turn", s.out.told(), "connected a again 1", "started 1")
}

// The interest of an epoch is lost with it, and the answer too: what counts is
// the answer to the one declared anew.
func TestScenario24AnInterestLostWithItsEpoch(t *testing.T) {
	s := newStage(t)
	a, conn := s.connect("a")
	subscribe(a, "1", "/topic/room", "r")
	first := s.h.requests.Load()
	s.out.land(func(outbox.Event) bool { return false }) // with the epoch
	s.out.told()
	conn.got()
	s.h.Entered(9)
	s.want("told", s.out.told0(), "started 0", "started 0", "connected a again 1", "started 1", "interested room", "started 1")
	s.out.ack()
	if second := s.h.requests.Load(); second == first {
		t.Fatal("the question has its former number")
	}
	s.answer("room", "a")
	s.want("a", conn.got(), "MESSAGE presence.state")
}

// Cut off: changes of the old interest come first, with their reasons, then the
// new one's state. Nobody is told anything twice, whether their socket takes
// what they are told at once or not.
func TestScenario24OldEntriesThenTheDifference(t *testing.T) {
	s := newStage(t)
	a, conn := s.connect("a")
	subscribe(a, "1", "/topic/room", "")
	half, halfOpen := s.connect("half")
	subscribe(half, "1", "/watch/room", "")
	s.answer("room", "x", "y", "z")
	conn.got()
	halfOpen.setFull(true)
	s.h.Entered(9)
	s.deliver("room", &schema.PresenceLeft{User: "x", Reason: schema.ReasonConnectionLost})
	s.want("a", s.diffs(conn), "left x connection_lost")
	old := s.offset
	s.answer("room", "y")
	s.want("a", s.diffs(conn), "left z")
	s.deliver("room", state(s.h.requests.Load()-1, "x", "y", "z")) // the old answer, late
	s.h.catchUp(s.h.channels.of("room").byName["room"], s.h.now())
	s.offset = old - 1 // repeats, contained in the state
	s.deliver("room", &schema.PresenceLeft{User: "x", Reason: schema.ReasonConnectionLost})
	s.deliver("room", state(1, "x", "y", "z"))
	s.want("a", s.diffs(conn))
	halfOpen.setFull(false)
	halfOpen.got()
	s.h.catchUp(s.h.channels.of("room").byName["room"], s.h.now())
	s.want("half open", halfOpen.got(), "MESSAGE presence.state")
}

// bob gets his receipt and tells alice; what she sends then reaches him, once,
// whoever else subscribed before him, in this session or in another.
func TestScenario26ReceiptThenSend(t *testing.T) {
	for _, before := range []string{"", "bob", "carol"} {
		s := newStage(t)
		b, conn := s.connect("bob")
		if before != "" {
			first := b
			if before != "bob" {
				first, _ = s.connect(before)
			}
			subscribe(first, "0", "/watch/room", "")
			s.answer("room")
		}
		subscribe(b, "1", "/topic/room", "r")
		s.out.ack()
		if before == "" {
			s.answer("room")
		}
		if got := conn.got(); !strings.Contains(got, "RECEIPT r") {
			t.Fatalf("before %q: %s", before, got)
		}
		s.deliver("room", message("hi"))
		want := 1
		if before == "bob" {
			want = 2 // one for each subscription
		}
		if got := conn.got(); strings.Count(got, "MESSAGE message") != want {
			t.Fatalf("before %q: %s", before, got)
		}
	}
}

// Two subscriptions of one session to one channel, one of them renewed faster
// than the state arrives: each gets the state once, and every change once.
func TestScenario23TwoSubscriptionsToOneChannel(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	subscribe(c, "1", "/topic/room", "")
	subscribe(c, "2", "/watch/room", "")
	feed(c, "UNSUBSCRIBE\nid:1\n\n\x00")
	subscribe(c, "1", "/topic/room", "")
	conn.got()
	s.answer("room", "bob")
	s.deliver("room", joined("carol"))
	frames := map[string]int{}
	for _, f := range conn.frames {
		for _, id := range []string{"1", "2"} {
			if strings.Contains(f, "\nsubscription:"+id+"\n") {
				frames[id]++
			}
		}
	}
	s.want("frames", conn.got(), "MESSAGE presence.state", "MESSAGE presence.state", "MESSAGE presence.diff", "MESSAGE presence.diff")
	if frames["1"] != 2 || frames["2"] != 2 {
		t.Fatalf("per subscription: %v", frames)
	}
}

// diffs takes what the diffs that arrived say of departures, with reasons.
func (s *stage) diffs(conn *fakeConn) string {
	s.t.Helper()
	conn.mu.Lock()
	frames := conn.frames
	conn.mu.Unlock()
	var out []string
	for _, f := range frames {
		if !strings.Contains(f, "\nevent:presence.diff\n") {
			continue
		}
		_, b, _ := strings.Cut(strings.TrimSuffix(f, "\x00"), "\n\n")
		var diff schema.PresenceDiff
		if err := json.Unmarshal([]byte(b), &diff); err != nil {
			s.t.Fatalf("%s: %v", f, err)
		}
		for _, d := range diff.Left {
			out = append(out, strings.TrimSpace("left "+d.User+" "+string(d.Reason)))
		}
	}
	conn.got()
	return strings.Join(out, ", ")
}

// One that ends between its turn and its announcement.
func TestScenario12NobodyIsAnnouncedAfterTheEnd(t *testing.T) {
	s := newStage(t)
	a, _ := s.connect("a")
	s.out.told()
	s.h.todo.announce(a.(*client), 1, 1)
	c, since, _ := s.h.todo.takeOwed(1)
	a.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	c.announce(since)
	s.h.todo.settled()
	s.want("told", s.out.told(), "disconnected a connection_lost")
}
