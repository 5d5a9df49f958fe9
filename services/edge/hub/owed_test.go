package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/transport"
)

func (s *stage) wantOldest(what string, want time.Duration) {
	s.t.Helper()
	if got := s.h.Oldest(); got != want {
		s.t.Fatalf("%s: oldest %v, want %v", what, got, want)
	}
}

// Alice is back on this edge, and was told so, while Kafka is away and her lane
// is full. Until the log has her return, it counts in the backlog from when she
// was told, wherever it waits: in the hub, on its way, and in the outbox.
func TestScenario1AReturnWithoutRoomCountsInTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(time.Second)
		s.out.set(func() { s.out.refuse = true })
		s.wantOldest("nobody", 0)
		alice, conn := s.connect("alice")
		s.want("alice", conn.got(), "CONNECTED")
		time.Sleep(3 * time.Second)
		subscribe(alice, "1", "/topic/room", "")
		_, _ = s.connect("bob")
		gone, _ := s.connect("carla")
		time.Sleep(7 * time.Second)
		s.wantOldest("all refused", 10*time.Second)
		s.out.set(func() { s.out.refuse = false; s.out.stuck["session.lifecycle/0"] = true }) // bob's
		waited := map[string]time.Duration{}
		s.out.before = func(ev outbox.Event) {
			if ev.Type == schema.TypeSessionConnected {
				if got := s.h.Oldest(); got < ev.Waited {
					t.Errorf("%s on the way: oldest %v, it has waited %v", ev.Key, got, ev.Waited)
				}
				waited[ev.Key] = ev.Waited
			}
		}
		s.h.workOff()
		if waited["alice"] != 10*time.Second || waited["carla"] != 7*time.Second {
			t.Fatalf("in the outbox as if they had waited %v", waited)
		}
		s.wantOldest("bob's partition is stuck", 7*time.Second)
		gone.Closed(transport.End{Cause: transport.Lost})
		s.out.set(func() { clear(s.out.stuck) })
		s.h.workOff()
		s.wantOldest("all told", 0)
	})
}

// An announcement that is refused once more keeps its age.
func TestAnAnnouncementRefusedAgainKeepsItsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(time.Second)
		s.out.set(func() { s.out.refuse = true })
		alice, _ := s.connect("alice")
		time.Sleep(5 * time.Second)
		c, since, _ := s.h.todo.takeOwed(1)
		c.announce(since)
		s.h.todo.settled()
		time.Sleep(time.Second)
		s.wantOldest("refused again", 6*time.Second)
		alice.Closed(transport.End{Cause: transport.Lost})
		s.wantOldest("ended", 0)
	})
}

// In a new epoch everybody is away until told anew: those whose turn hasn't
// come count.
func TestScenario12SessionsThatWaitForTheirTurnCountInTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		time.Sleep(time.Second)
		s.connect("a")
		s.connect("b")
		s.wantOldest("before", 0)
		s.out.set(func() { s.out.stuck["session.lifecycle/1"] = true })
		s.h.Entered(9)
		time.Sleep(2 * time.Second)
		s.wantOldest("a's partition is stuck", 2*time.Second)
		s.h.Entered(12)
		time.Sleep(time.Second)
		s.wantOldest("and another epoch", 3*time.Second)
		s.out.set(func() { clear(s.out.stuck) })
		s.h.workOff()
		s.wantOldest("all told", 0)
	})
}
