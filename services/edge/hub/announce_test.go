package hub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/roster"
	"rollcall.dev/services/edge/transport"
)

func TestAnEpochWithoutSessionsStartsAtOnce(t *testing.T) {
	s := newStage(t)
	s.h.Entered(7)
	s.want("started", strings.Join(s.out.started, ", "),
		"session.lifecycle/0@7", "channel.events/0@7", "session.lifecycle/1@7", "channel.events/1@7")
}

func TestScenario12ANewEpochAnnouncesAllAndStartsLast(t *testing.T) {
	s := newStage(t)
	a, _ := s.connect("a") // partition 1
	subscribe(a, "1", "/topic/room2", "")
	subscribe(a, "2", "/user/queue/session", "")
	s.connect("b") // partition 0
	gone, _ := s.connect("gone")
	gone.Closed(transport.End{Cause: transport.Lost})
	s.out.told()
	s.h.Entered(9)
	s.want("told", s.out.told(),
		"connected b again 0", "started 0", "interested room2", "started 0",
		"connected a again 1", "started 1", "started 1")
}

// A partition that takes nothing holds up its own sessions and its own
// edge.started, and nothing else.
func TestAStuckPartitionHoldsUpNothingElse(t *testing.T) {
	s := newStage(t)
	s.connect("a")
	s.connect("b")
	s.out.told()
	s.out.set(func() { s.out.stuck["session.lifecycle/1"] = true })
	s.h.Entered(9)
	s.want("told", s.out.told(), "connected b again 0", "started 0", "started 0", "started 1")
	s.h.Entered(12) // before the first has ended
	s.want("told", s.out.told(), "connected b again 0", "started 0", "started 0", "started 1")
	s.out.set(func() { clear(s.out.stuck); s.out.started = nil })
	s.h.workOff()
	s.want("told", s.out.told(), "connected a again 0", "started 1")
	s.want("started", strings.Join(s.out.started, ", "), "session.lifecycle/1@12")
}

// The loop and a new epoch work side by side: an announcement on its way isn't
// overtaken by its edge.started.
func TestStartedDoesNotOvertakeAnAnnouncementOnItsWay(t *testing.T) {
	s := newStage(t)
	s.connect("b")
	s.out.told()
	other := make(chan struct{})
	s.out.before = func(ev outbox.Event) {
		if ev.Type != schema.TypeSessionConnected {
			return
		}
		s.out.before = nil
		go func() { defer close(other); s.h.workOff() }()
		select { // the other one waits, or does what it mustn't
		case <-other:
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.h.Entered(9)
	<-other
	s.want("told", s.out.told(), "connected b again 0", "started 0", "started 0", "started 1", "started 1")
}

// What the outbox refuses is told as the session is, once, when
// there is room again. Receipts come then; the end comes always.
func TestScenario29WhatIsRefusedIsToldAsItIs(t *testing.T) {
	s := newStage(t)
	a, conn := s.connect("alice")
	e, _ := s.connect("ended")
	s.out.told()
	s.out.set(func() { s.out.refuse = true })
	for i := range 100 {
		subscribe(a, "1", fmt.Sprint("/topic/room", i), "r")
		feed(a, "UNSUBSCRIBE\nid:1\n\n\x00")
	}
	subscribe(a, "2", "/watch/final", "last")
	subscribe(e, "1", "/topic/room", "")
	e.Closed(transport.End{Cause: transport.Peer, Code: 1000})
	s.h.workOff()
	s.want("meanwhile", s.out.told(), "disconnected ended client_close")
	conn.got()
	s.out.set(func() { s.out.refuse = false })
	s.h.sweepAsking()
	s.h.workOff()
	s.wantSet("afterwards", s.out.told0(), "connected alice again 1", "interested final")
	s.out.ack()
	if n := strings.Count(conn.got(), "RECEIPT"); n != maxOwed {
		t.Fatalf("%d receipts, want %d", n, maxOwed)
	}
	s.h.workOff()
	s.h.sweepAsking()
	s.h.workOff()
	s.out.told()
}

// A session that the log can't be told of must not go on: presence would have
// its user offline for ever. It may fail with the loop's locks held.
func TestASessionThatCannotBeToldEnds(t *testing.T) {
	s := newStage(t)
	_, conn := s.connect("alice")
	_, other := s.connect("bob")
	s.out.ack()
	s.out.told()
	s.out.before = func(ev outbox.Event) {
		if d, ok := ev.Data.(*schema.SessionConnected); ok && d.User == "alice" {
			ev.Refused(errors.New("too large"))
			ev.Done(false)
		}
	}
	s.h.Entered(2)
	s.h.workOff()
	if !conn.ended || conn.code != 1009 || !strings.Contains(conn.last, "message:too_large") || other.ended {
		t.Fatalf("%v %d %q, the other %v", conn.ended, conn.code, conn.last, other.ended)
	}
	if told := s.out.told(); !strings.Contains(told, "disconnected alice too_large") {
		t.Fatalf("told %s", told)
	}
	if n := s.h.Sessions(); n != 1 {
		t.Fatalf("%d sessions", n)
	}
}

func TestScenario25AQuestionIsAskedAgainAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		c, _ := s.connect("alice")
		subscribe(c, "1", "/topic/room", "")
		sweep := func() string { s.h.sweepAsking(); s.h.workOff(); return s.out.told0() }
		first := sweep()
		time.Sleep(time.Hour) // Kafka is away: asking more often helps nobody
		s.want("without an acknowledgement", sweep(), first)
		s.out.ack()
		time.Sleep(askAgain - time.Second)
		s.want("too soon", sweep(), first)
		time.Sleep(time.Second)
		s.want("after 5 s", sweep(), first, "interested room")
		s.answer("room", "alice") // the newest
		time.Sleep(time.Hour)
		s.want("with the answer", sweep(), first, "interested room")
	})
}

// The log alone must always know each session: told anew before the retention
// ends, not all at once.
func TestScenario20SessionsAreToldAnewInTheirOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if want := 42 * time.Hour; s.h.cfg.Reannounce != want {
			t.Fatalf("told anew every %v, want %v", s.h.cfg.Reannounce, want)
		}
		const quarter = 10 * time.Minute // stands for a quarter of the retention
		s.h.cfg.Reannounce = quarter
		if err := s.h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			s.connect(fmt.Sprint("user", i))
		}
		s.out.told()
		time.Sleep(quarter * 70 / 100)
		s.want("early", s.out.told())
		time.Sleep(quarter * 15 / 100)
		half := strings.Count(s.out.told(), "again")
		if half < 5 || half > 45 {
			t.Fatalf("%d of 50 at once", half)
		}
		time.Sleep(quarter * 15 / 100)
		if n := half + strings.Count(s.out.told(), "again"); n != 50 {
			t.Fatalf("%d of 50 within a quarter of the retention", n)
		}
		if err := s.h.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Everything at once: whatever the order, a session that has ended is not
// announced after its end, and each that began ends, once.
func TestEverythingAtOnce(t *testing.T) {
	for _, linger := range []time.Duration{-1, 1} {
		t.Run(fmt.Sprint("linger ", linger), func(t *testing.T) { everythingAtOnce(t, linger) })
	}
}

func everythingAtOnce(t *testing.T, linger time.Duration) {
	s := newStage(t)
	s.h.cfg.Linger = linger
	s.out.auto = true
	if err := s.h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var clients, others sync.WaitGroup
	turns := make(chan struct{}, 8)
	loop := func(do func()) {
		others.Go(func() {
			for range turns {
				do()
			}
		})
	}
	var epoch atomic.Int64
	var reading sync.Mutex // Deliver is called from one goroutine
	for range 2 {
		loop(func() { s.h.Entered(epoch.Add(1)) })
		loop(func() {
			reading.Lock()
			defer reading.Unlock()
			s.deliver("room", state(s.h.requests.Load()), joined("x"), message("hi"))
		})
		loop(func() {
			s.out.set(func() { s.out.refuse = rand.IntN(3) == 0 })
			s.h.sweepBehind()
			s.h.sweepAsking()
			s.h.sweepLingering()
		})
	}
	for i := range 8 {
		clients.Go(func() {
			for n := range 40 {
				c, conn := s.connect(fmt.Sprintf("user%d", i))
				turns <- struct{}{}
				subscribe(c, "1", "/topic/room", "r")
				conn.setFull(n%5 == 0)
				subscribe(c, "2", "/watch/room", "")
				turns <- struct{}{}
				feed(c, "UNSUBSCRIBE\nid:1\n\n\x00SEND\ndestination:/topic/room\n\nhi\x00")
				turns <- struct{}{}
				c.Closed(transport.End{Cause: transport.Lost, Code: 1006})
			}
		})
	}
	clients.Wait()
	close(turns)
	others.Wait()
	s.out.set(func() { s.out.refuse = false })
	if err := s.h.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.h.workOff()
	s.h.Drain()
	checkOrder(t, s.out.events)
	if n := s.h.lingering.count(); n != 0 {
		t.Fatalf("%d channels linger", n)
	}
	if n, c := s.h.Sessions(), s.h.metrics.channels.Load(); n != 0 || c != 0 {
		t.Fatalf("%d sessions and %d channels are left", n, c)
	}
}

func checkOrder(t *testing.T, events []outbox.Event) {
	t.Helper()
	state := map[string]string{}
	for _, ev := range events {
		switch d := ev.Data.(type) {
		case *schema.SessionConnected:
			if state[d.Session] == "ended" {
				t.Fatalf("%s was announced after its end", d.Session)
			}
			state[d.Session] = "live"
		case *schema.SessionDisconnected:
			if state[d.Session] == "ended" {
				t.Fatalf("%s ended twice", d.Session)
			}
			state[d.Session] = "ended"
		}
	}
	ended := 0
	for id, s := range state {
		if s != "ended" {
			t.Fatalf("%s is %s at the end", id, s)
		}
		ended++
	}
	if ended != 8*40 {
		t.Fatalf("%d of %d sessions", ended, 8*40)
	}
}

// Scenario 31 and the memory of an idle session.
func BenchmarkFanOut(b *testing.B) {
	s := newStage(b)
	for range 5000 {
		c := s.h.Open(nullConn{}, "test", "")
		feed(c, "CONNECT\naccept-version:1.2\nlogin:alice\n\n\x00")
		subscribe(c, "sub-0", "/topic/room", "")
	}
	s.answer("room", "alice")
	ch := s.h.channels.of("room").byName["room"]
	out := ch.roster.Apply(nil, roster.Entry{Version: schema.Version{Offset: s.offset + 1}, Data: joined("bob")})
	b.ReportAllocs()
	for b.Loop() {
		s.h.tell(ch, out[0])
	}
}

type nullConn struct{ transport.Conn }

func (nullConn) Send([]byte) error            { return nil }
func (nullConn) SendShared(_, _ []byte) error { return nil }
func (nullConn) KeepAlive(bool)               {}
func (nullConn) RemoteAddr() string           { return "192.0.2.1:1234" }
func (nullConn) Protocol() string             { return "websocket" }
func (nullConn) Stats() (s transport.Stats)   { return s }
func (nullConn) Close(int, string, []byte)    {}
