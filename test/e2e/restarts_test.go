package e2e

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// rollingRestart: a deploy replaces every instance, one after the other, while
// clients reconnect as they lose their edge. Nobody is told as gone.
func (r *ring) rollingRestart(t *testing.T) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	b := harness.Connect(t, r.far, bob)
	inB := b.Join(name)
	a := harness.Connect(t, r.near, alice)
	inA := a.Join(name)
	inB.WaitMembers(alice, bob)
	for _, s := range slices.Concat(r.Presence, r.Notifier) {
		r.replace(t, s)
	}
	r.stopOne(t, r.Edges[0])
	inA.WaitEnd()
	a = harness.Connect(t, r.far, alice)
	a.Join(name).WaitMembers(alice, bob)
	r.Restart(r.Edges[0])
	a.Send(name, "back on another edge")
	inB.WaitMessage("back on another edge")
	// Who leaves in the end leaves once; whatever was told before would count.
	a.Disconnect()
	inB.WaitLeft(alice)
	once(t, inB, alice, schema.ReasonClientDisconnect)
	if n := inB.Count("joined", alice); n != 1 {
		t.Errorf("told %d arrivals of alice: %v", n, inB.Told())
	}
	validate(t, inB)
}

func (r *ring) stopOne(t *testing.T, s *harness.Service) {
	t.Helper()
	s.Signal(syscall.SIGTERM)
	if code := s.Wait(5 * time.Second); code != 0 {
		t.Errorf("%s ended with exit code %d", s.ID, code)
	}
}

func (r *ring) replace(t *testing.T, s *harness.Service) {
	t.Helper()
	r.stopOne(t, s)
	r.Restart(s)
}

// killEverything: all six die at once. When they are back, every session has
// an end in the log, and nobody is a ghost.
func (r *ring) killEverything(t *testing.T) {
	alice, bob, carol, name := user(t, "alice"), user(t, "bob"), user(t, "carol"), room(t)
	b, a := harness.Connect(t, r.far, bob), harness.Connect(t, r.near, alice)
	inB := b.Join(name)
	a.Join(name)
	inB.WaitMembers(alice, bob)
	services := slices.Concat(r.Edges, r.Notifier, r.Presence)
	for _, s := range services {
		s.Kill()
	}
	begun := time.Now()
	for _, s := range services {
		r.Launch(s)
	}
	for _, s := range services {
		s.Ready(s.Ops)
	}
	t.Logf("all are ready %v after the kill", time.Since(begun))
	inC := harness.Connect(t, r.near, carol).Join(name)
	inC.WaitMembers(carol)
	for _, gone := range []*harness.Client{a, b} {
		_, d := harness.Of(r.lifecycle, "the end of a session", func(d *schema.SessionDisconnected) bool { return d.Session == gone.Session })
		if d.Reason != schema.ReasonEdgeLost {
			t.Errorf("ended with %+v", d)
		}
	}
	validate(t, inC)
}
