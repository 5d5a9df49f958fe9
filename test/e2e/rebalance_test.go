package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
	"rollcall.dev/test/e2e/harness"
)

// TestRebalances: presence and notifier instances come, leave, are killed and
// stand still while users come and go. Who watches is told each arrival and
// each departure once, and so is who reads the log.
func TestRebalances(t *testing.T) {
	t.Parallel()
	r := startRing(t)
	names := []string{room(t) + ".1", room(t) + ".2", room(t) + ".3"}
	watchers := map[string]*harness.Room{}
	for i, name := range names {
		watchers[name] = harness.Connect(t, r.far, fmt.Sprintf("watcher %d", i)).Watch(name)
	}
	const users = 6
	var over atomic.Bool
	var visits [users]int
	t.Run("while", func(t *testing.T) {
		t.Run("instances change", func(t *testing.T) {
			t.Parallel()
			defer over.Store(true)
			r.change(t)
		})
		for i := range users {
			t.Run(fmt.Sprint("user ", i), func(t *testing.T) {
				t.Parallel()
				edge, name := r.Edges[i%2].Listen, names[i%len(names)]
				for !over.Load() {
					visits[i]++
					visit(t, edge, watchers[name], fmt.Sprint("visitor ", i), visits[i])
				}
			})
		}
	})
	for i, n := range visits {
		told := watchers[names[i%len(names)]]
		r.toldOnce(t, told, fmt.Sprint("visitor ", i), n)
		t.Logf("visitor %d came %d times", i, n)
	}
	for _, w := range watchers {
		w.WaitMembers()
		validate(t, w)
	}
	validRecords(t, r.lifecycle, r.channels)
}

// visit is a user's n-th arrival in a room, seen, and departure, seen: every
// third time by a lost connection.
func visit(t *testing.T, edge string, watcher *harness.Room, user string, n int) {
	t.Helper()
	told := func(what string) {
		t.Helper()
		retry.Eventually(t, harness.Patience, func() error {
			if got := watcher.Count(what, user); got != n {
				return fmt.Errorf("%s: told %s %d times, want %d", user, what, got, n)
			}
			return nil
		})
	}
	c := harness.Connect(t, edge, user)
	c.Join(watcher.Channel)
	told("joined")
	if n%3 == 0 {
		c.Drop()
	} else {
		c.Disconnect()
	}
	told("left")
}

// toldOnce fails the test unless the watcher and the log name each of a
// user's visits once.
func (r *ring) toldOnce(t *testing.T, watcher *harness.Room, user string, visits int) {
	t.Helper()
	if visits < 2 {
		t.Errorf("%s came only %d times", user, visits)
	}
	if in, out := watcher.Count("joined", user), watcher.Count("left", user); in != visits || out != visits {
		t.Errorf("the watcher was told %d arrivals and %d departures of %s, want %d", in, out, user, visits)
	}
	in := r.channels.Distinct(func(e harness.Entry) bool {
		d, ok := e.Data.(*schema.PresenceJoined)
		return ok && d.User == user && d.Channel == watcher.Channel
	})
	out := r.channels.Distinct(func(e harness.Entry) bool {
		d, ok := e.Data.(*schema.PresenceLeft)
		return ok && d.User == user && d.Channel == watcher.Channel
	})
	if in != visits || out != visits {
		t.Errorf("the log has %d arrivals and %d departures of %s, want %d", in, out, user, visits)
	}
}

// change lets instances come, leave, die and stand still.
func (r *ring) change(t *testing.T) {
	presence, notifier := r.Add("presence", 2), r.Add("notifier", 2)
	for _, s := range []*harness.Service{r.Presence[0], r.Notifier[0]} {
		r.replace(t, s)
	}
	r.Presence[1].Kill()
	r.Notifier[1].Kill()
	presence.Signal(syscall.SIGSTOP)
	notifier.Signal(syscall.SIGSTOP)
	r.ownsAll(t, schema.KindPresence, r.Presence[0])
	r.ownsAll(t, schema.KindNotifier, r.Notifier[0])
	presence.Signal(syscall.SIGCONT)
	notifier.Signal(syscall.SIGCONT)
	r.Restart(r.Presence[1])
	r.Restart(r.Notifier[1])
	for _, s := range []*harness.Service{presence, notifier} {
		s.Ready(s.Ops)
		r.stopOne(t, s)
	}
}

// ownsAll waits until an instance says that it owns all partitions.
func (r *ring) ownsAll(t *testing.T, kind string, s *harness.Service) {
	t.Helper()
	retry.Eventually(t, harness.Patience, func() error {
		for _, e := range slices.Backward(r.heartbeats.Entries()) {
			var beat schema.Heartbeat
			if json.Unmarshal(e.Value, &beat) == nil && beat.Kind == kind && beat.Instance == s.ID {
				if len(beat.Partitions) != partitionCount {
					return fmt.Errorf("%s owns %v", s.ID, beat.Partitions)
				}
				return nil
			}
		}
		return fmt.Errorf("%s hasn't been heard", s.ID)
	})
}
