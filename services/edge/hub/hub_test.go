package hub

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/mailbox"
	"rollcall.dev/services/edge/transport"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestStartStop(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service { return newStage(t).h })
}

func TestFanOutSharesOneFrame(t *testing.T) {
	s := newStage(t)
	var conns []*fakeConn
	for range 50 {
		c, conn := s.connect("alice")
		subscribe(c, "sub-1", "/topic/room", "r")
		conns = append(conns, conn)
	}
	w, watcher := s.connect("bob")
	subscribe(w, "1", "/watch/room", "r")
	subscribe(w, "2", "/topic/room", "r2") // twice in one channel
	s.answer("room", "alice")
	watcher.got()
	for _, c := range conns {
		c.got()
	}
	s.deliver("room", joined("carol"))
	for i, c := range conns {
		if len(c.tails) != 1 || &c.tails[0][0] != &conns[0].tails[0][0] {
			t.Fatalf("subscriber %d has a frame of its own", i)
		}
		if !strings.Contains(c.frames[0], "\nsubscription:sub-1\n") || !strings.Contains(c.frames[0], "\ndestination:/topic/room\n") {
			t.Fatalf("frame %q", c.frames[0])
		}
	}
	if len(watcher.frames) != 2 || !strings.Contains(watcher.frames[0]+watcher.frames[1], "destination:/watch/room") {
		t.Fatalf("watcher got %q", watcher.frames)
	}
}

// A hot room returns. The mailbox carries the room once, and its
// snapshot is one frame for all who come before the next change.
func TestScenario31AHotRoomReturns(t *testing.T) {
	s := newStage(t)
	var members []string
	for i := range 500 {
		members = append(members, fmt.Sprint("user", i))
	}
	first, _ := s.connect("first")
	subscribe(first, "1", "/topic/room", "")
	s.answer("room", members...)
	s.out.told()
	var conns []*fakeConn
	for range 300 {
		c, conn := s.connect("alice")
		subscribe(c, "1", "/topic/room", "")
		conns = append(conns, conn)
	}
	if told := s.out.told(); strings.Contains(told, "interested") {
		t.Fatal("asked for what is in the cache")
	}
	shared := &conns[0].tails[1][0]
	for i, c := range conns {
		if &c.tails[1][0] != shared {
			t.Fatalf("subscriber %d has a state of its own", i)
		}
	}
	s.deliver("room", joined("new"))
	c, late := s.connect("late")
	subscribe(c, "1", "/topic/room", "")
	if v := body(t, late.frames[1]); v.Count != 501 {
		t.Fatalf("a state from before the change: %d", v.Count)
	}
}

func TestScenario26ReceiptNeedsTheEventAndTheState(t *testing.T) {
	for _, eventFirst := range []bool{true, false} {
		s := newStage(t)
		c, conn := s.connect("alice")
		subscribe(c, "1", "/topic/room", "r")
		steps := []func(){s.out.ack, func() { s.answer("room", "alice") }}
		if !eventFirst {
			steps[0], steps[1] = steps[1], steps[0]
		}
		conn.got()
		steps[0]()
		if strings.Contains(conn.got(), "RECEIPT") {
			t.Fatalf("confirmed early (event first: %v)", eventFirst)
		}
		steps[1]()
		if got := conn.got(); !strings.HasSuffix(got, "RECEIPT r") {
			t.Fatalf("got %s", got)
		}
	}
}

// While a newer state is under way something may be missed: the snapshot comes
// at once, the receipt when it is made good.
func TestScenario26ReceiptWaitsWhileTheCacheAsksAgain(t *testing.T) {
	s := newStage(t)
	a, _ := s.connect("alice")
	subscribe(a, "1", "/topic/room", "r")
	s.answer("room", "alice")
	s.h.Entered(2) // asks again
	b, conn := s.connect("bob")
	subscribe(b, "1", "/topic/room", "r")
	s.out.ack()
	s.want("bob", conn.got(), "CONNECTED", "MESSAGE presence.state")
	s.answer("room", "alice")
	s.want("bob", conn.got(), "RECEIPT r")
}

func TestScenario23WithdrawnSubscriptionIsConfirmedAllTheSame(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	o, _ := s.connect("other")
	subscribe(o, "1", "/topic/room", "x")
	subscribe(c, "1", "/topic/room", "a")
	feed(c, "UNSUBSCRIBE\nid:1\nreceipt:b\n\n\x00")
	subscribe(c, "1", "/topic/room", "c")
	s.out.ack()
	s.want("before the state", conn.got(), "CONNECTED", "RECEIPT a", "RECEIPT b")
	s.answer("room")
	s.want("after it", conn.got(), "MESSAGE presence.state", "RECEIPT c")
}

func TestInterestIsOfTheFirstAndTheLast(t *testing.T) {
	s := newStage(t)
	a, _ := s.connect("alice")
	b, _ := s.connect("bob")
	s.out.told()
	subscribe(a, "1", "/topic/room", "")
	subscribe(b, "1", "/watch/room", "")
	subscribe(a, "2", "/topic/room", "")
	s.want("first", s.out.told(), "subscribed alice", "interested room", "subscribed bob", "subscribed alice")
	feed(a, "UNSUBSCRIBE\nid:1\n\n\x00")
	b.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	s.want("others are left", s.out.told(), "unsubscribed alice", "disconnected bob connection_lost")
	feed(a, "UNSUBSCRIBE\nid:2\n\n\x00")
	s.want("last", s.out.told(), "uninterested room", "unsubscribed alice")
}

// What comes for a channel that nobody subscribes to any more is withdrawn
// again, but not for each entry.
func TestStrayEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.deliver("room", joined("alice"))
		s.deliver("room", joined("bob"))
		s.want("strays", s.out.told(), "uninterested room")
		time.Sleep(askAgain)
		s.deliver("room", joined("carol"))
		s.want("later", s.out.told(), "uninterested room")
	})
}

// A subscriber without room for changes gets a new state, instead of being closed.
func TestWhoIsBehindIsGivenAState(t *testing.T) {
	s := newStage(t)
	slow, conn := s.connect("slow")
	quick, quickConn := s.connect("quick")
	subscribe(slow, "1", "/topic/room", "")
	subscribe(quick, "1", "/topic/room", "")
	s.answer("room", "slow", "quick")
	conn.got()
	quickConn.got()
	conn.setFull(true)
	s.deliver("room", joined("carol"))
	s.deliver("room", joined("dave"))
	s.h.sweepBehind()
	s.want("quick", quickConn.got(), "MESSAGE presence.diff", "MESSAGE presence.diff")
	conn.setFull(false)
	s.deliver("room", joined("erin")) // not before the state
	s.want("slow, before", conn.got())
	s.h.sweepBehind()
	if len(conn.frames) != 1 {
		t.Fatalf("got %q", conn.frames)
	}
	if v := body(t, conn.frames[0]); !v.Resync || v.Count != 5 || len(v.Members) != 5 {
		t.Fatalf("state %+v", v)
	}
	s.deliver("room", joined("frank"))
	s.want("slow, after", conn.got(), "MESSAGE presence.state", "MESSAGE presence.diff")
}

// Who was given a part of a large roster is given all of it once it fits; who
// has had everything by changes is not.
func TestWholeStateForWhoHasAPart(t *testing.T) {
	s := newStage(t)
	s.h.cfg.Limits.Members = 2
	a, had := s.connect("a")
	subscribe(a, "1", "/topic/room", "")
	s.answer("room", "a", "b")
	s.deliver("room", joined("c"))
	l, late := s.connect("late")
	subscribe(l, "1", "/topic/room", "")
	if v := body(t, late.frames[1]); len(v.Members) != 2 || v.Count != 3 {
		t.Fatalf("truncated state %+v", v)
	}
	had.got()
	late.got()
	s.deliver("room", &schema.PresenceLeft{Channel: "room", User: "c", Reason: schema.ReasonConnectionLost})
	s.want("who had all", had.got(), "MESSAGE presence.diff")
	s.want("who had a part", late.got(), "MESSAGE presence.diff", "MESSAGE presence.state")
	s.deliver("room", joined("d"))
	s.deliver("room", &schema.PresenceLeft{Channel: "room", User: "d", Reason: schema.ReasonConnectionLost})
	s.want("not again", late.got(), "MESSAGE presence.diff", "MESSAGE presence.diff")
}

func TestSlowConsumers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		a, behind := s.connect("a")
		b, noRoom := s.connect("b")
		c, fine := s.connect("c")
		for _, h := range []transport.Handler{a, b, c} {
			subscribe(h, "1", "/topic/room", "")
		}
		s.answer("room")
		behind.setFull(true)
		s.deliver("room", joined("carol"))
		noRoom.setFull(true)
		s.deliver("room", message("hi"))
		s.h.workOff()
		if !noRoom.ended || noRoom.code != 1013 || !strings.Contains(noRoom.last, "slow_consumer") {
			t.Fatalf("no room for a message: %v %d %s", noRoom.ended, noRoom.code, noRoom.last)
		}
		time.Sleep(behindMax)
		s.h.sweepBehind()
		s.h.workOff()
		if !behind.ended || behind.code != 1013 || fine.ended {
			t.Fatal("behind for too long, and goes on")
		}
		if told := s.out.told(); strings.Count(told, "slow_consumer") != 2 {
			t.Fatalf("told %s", told)
		}
	})
}

// A message that would fit into nobody's queue must not end everybody as slow.
func TestHugeMessageHurtsNobody(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	subscribe(c, "1", "/topic/room", "")
	s.answer("room")
	conn.got()
	s.deliver("room", message(strings.Repeat("x", maxMessage)))
	s.h.workOff()
	s.want("alice", conn.got())
	if conn.ended {
		t.Fatal("closed")
	}
	feed(c, "SEND\ndestination:/topic/room\n\n%s\x00", strings.Repeat("\x01", 30<<10))
	if !conn.ended || conn.code != 1009 {
		t.Fatal("a message of 180 KB as JSON was taken")
	}
}

func TestDisconnectIsConfirmedWhenAllIsInTheLog(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	feed(c, "SEND\ndestination:/topic/room\nreceipt:m\n\nhi\x00DISCONNECT\nreceipt:bye\n\n\x00")
	if conn.ended {
		t.Fatal("closed before anything is in the log")
	}
	s.want("told", s.out.told0(), "connected alice", "published room", "disconnected alice client_disconnect")
	s.out.ack()
	if !conn.ended || conn.code != 1000 || !strings.Contains(conn.last, "receipt-id:bye") {
		t.Fatalf("%v %d %q", conn.ended, conn.code, conn.last)
	}
	s.want("client", conn.got(), "CONNECTED", "RECEIPT m")
	c.Closed(transport.End{Cause: transport.Local, Code: 1000})
	if s.h.Sessions() != 0 {
		t.Fatal("still registered")
	}
}

func TestASessionEndsOnce(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	c.Fault(transport.Fault{Cause: transport.Silent, Code: 1008})
	c.Closed(transport.End{Cause: transport.Local, Code: 1008})
	s.want("told", s.out.told(), "connected alice", "disconnected alice heartbeat_timeout")
	if conn.code != 1008 || !strings.Contains(conn.last, "ERROR") {
		t.Fatalf("closed with %d %q", conn.code, conn.last)
	}
	never := s.h.Open(&fakeConn{}, "", "")
	never.Closed(transport.End{Cause: transport.Lost, Code: 1006})
	s.want("who never was", s.out.told())
}

type panicking struct{}

func (panicking) Authenticate(context.Context, auth.Credentials) (auth.Identity, error) {
	panic("a defect")
}

// The transport survives a panic of its handler and closes the connection: the
// client must still be able to end.
func TestAPanicLeavesNothingLocked(t *testing.T) {
	s := newStage(t)
	s.h.cfg.Auth = panicking{}
	c := s.h.Open(&fakeConn{}, "", "")
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		feed(c, "CONNECT\naccept-version:1.2\nlogin:alice\n\n\x00")
	}()
	c.Closed(transport.End{Cause: transport.Panic, Code: 1011})
	s.want("told", s.out.told())
}

type refusing struct{ error }

func (r refusing) Authenticate(context.Context, auth.Credentials) (auth.Identity, error) {
	return auth.Identity{}, r
}

func (r refusing) Unwrap() error { return r.error }

func TestWhoIsNotAuthenticated(t *testing.T) {
	for _, tc := range []struct {
		err     error
		message string
		code    int
	}{
		{auth.ErrRefused, "policy_violation", 1008},
		{errors.New("keys can't be fetched"), "server_shutdown", 1012}, // a later try may work
	} {
		s := newStage(t)
		s.h.cfg.Auth = refusing{tc.err}
		_, conn := s.connect("alice")
		if conn.code != tc.code || !strings.Contains(conn.last, "message:"+tc.message+"\n") {
			t.Errorf("%v: closed with %d %q", tc.err, conn.code, conn.last)
		}
		s.want("told", s.out.told())
	}
}

func TestDrain(t *testing.T) {
	s := newStage(t)
	_, conn := s.connect("alice")
	s.h.Drain()
	if conn.code != 1012 || !strings.Contains(conn.last, "retry:now") {
		t.Fatalf("closed with %d %q", conn.code, conn.last)
	}
	_, late := s.connect("late") // its CONNECT was under way
	if late.code != 1012 || s.h.Sessions() != 0 {
		t.Fatalf("closed with %d, %d sessions", late.code, s.h.Sessions())
	}
	s.want("told", s.out.told(), "connected alice", "disconnected alice server_shutdown")
}

func TestCommandsForOthersAreNotCarriedOut(t *testing.T) {
	s := newStage(t)
	_, conn := s.connect("alice")
	id := ""
	for c := range s.h.sessions.all() {
		id = c.id
	}
	for _, cmd := range []schema.SessionCommand{{User: "bob", Session: id, Action: schema.ActionKick}, {User: "alice", Session: "gone", Action: schema.ActionKick}} {
		s.h.Deliver(&mailbox.Delivery{Commands: []mailbox.Command{{SessionCommand: &cmd}}})
	}
	if conn.ended {
		t.Fatal("kicked for somebody else")
	}
}
