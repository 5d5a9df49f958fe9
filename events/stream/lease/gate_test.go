package lease_test

import (
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

func TestAnEdgeThatDoesNotVouch(t *testing.T) {
	for name, c := range map[string]struct {
		edge  func(s *sim)
		later time.Duration
		open  bool
	}{
		"nobody":                {func(*sim) {}, 0, true},
		"healthy":               {func(s *sim) { s.live("e1", 1); s.name(0, e("e1", 1)) }, 0, true},
		"small backlog":         {func(s *sim) { s.liveAs("e1", 1000) }, 0, true},
		"backlog":               {func(s *sim) { s.liveAs("e1", 1001) }, 0, false},
		"leased, never heard":   {func(s *sim) { s.name(0, e("e1", 1)) }, 0, false},
		"heard, fresh":          {func(s *sim) { s.live("e1", 1) }, 1500 * time.Millisecond, true},
		"heard, silent":         {func(s *sim) { s.live("e1", 1) }, 3600 * time.Millisecond, false},
		"heard, long gone":      {func(s *sim) { s.live("e1", 1) }, 8 * time.Second, true},
		"leased, long silent":   {func(s *sim) { s.live("e1", 1); s.name(0, e("e1", 1)) }, 4 * time.Second, false},
		"said goodbye, silent":  {func(s *sim) { s.live("e1", 1); s.alive["e1"] = goodbye("e1") }, 4 * time.Second, true},
		"goodbye with old news": {func(s *sim) { hb := goodbye("e1"); hb.OldestMS = 9999; s.alive["e1"] = hb }, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSim(t)
			c.edge(s)
			s.run(3 * time.Second)
			s.alive = map[string]schema.Heartbeat{}
			s.run(c.later)
			upTo, err := s.table.Clear(s.now)
			if open := err == nil && upTo >= s.now-time.Second; open != c.open || open != (upTo >= s.now-time.Second) {
				t.Errorf("clear up to %v at %v: %v", upTo, s.now, err)
			}
		})
	}
}

// vouching has an edge vouch at the next run: it has read the own beats up to
// heard, and its outbox is as old as given.
func (s *sim) vouching(edge string, heard int64, oldest time.Duration) {
	s.alive[edge] = schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Epoch: 1, Heard: heard, OldestMS: oldest.Milliseconds()}
}

func (s *sim) clear(want time.Duration) {
	s.t.Helper()
	if got, why := s.table.Clear(s.now); got != want {
		s.t.Errorf("clear up to %v, want %v (%v)", got, want, why)
	}
}

const never = time.Duration(-1)

// A beat says what was in the log when the edge had read an own beat, not when
// it arrives, whatever else is going on.
func TestAnEdgeVouchesForWhatWasBefore(t *testing.T) {
	s := newSim(t)
	s.live("e1", 1)
	s.run(10 * time.Second) // own beat n is sent at n-1 seconds
	s.vouching("e1", 5, 0)
	s.run(time.Second)
	s.clear(4 * time.Second)
	s.vouching("e1", 6, 2*time.Second)
	s.run(time.Second)
	s.clear(4 * time.Second) // what was vouched for stays so
	s.vouching("e1", 9, 1500*time.Millisecond)
	s.run(time.Second)
	s.clear(6500 * time.Millisecond)
	s.vouching("e1", 1000, 0) // it has heard those of others since
	s.run(time.Second)
	s.clear(12 * time.Second)
}

// The slowest edge decides; one that has said goodbye or is gone doesn't.
func TestTheLeastVouchedForDecides(t *testing.T) {
	s := newSim(t)
	s.vouching("e1", 100, 0)
	s.vouching("e2", 3, 0)
	s.run(10 * time.Second)
	s.clear(2 * time.Second)
	s.alive["e2"] = goodbye("e2")
	s.run(time.Second)
	s.clear(9 * time.Second)
	s.live("e3", 1)
	s.name(0, e("e3", 1))
	s.run(time.Second)
	delete(s.alive, "e3")
	s.run(4 * time.Second)
	s.clear(never)
	if got, _ := s.run(4 * time.Second); got != "[{e3 1}]" {
		t.Fatalf("expired: %q", got)
	}
	if upTo, why := s.table.Clear(s.now); upTo < 14*time.Second {
		t.Errorf("clear up to %v: %v", upTo, why)
	}
}

// An edge that has expired and is heard again holds returns that no epoch has
// told of yet.
func TestAnEdgeThatWokeHoldsUntilItsNewEpoch(t *testing.T) {
	s := newSim(t)
	s.vouching("e1", 100, 0)
	s.name(0, e("e1", 1))
	s.run(5 * time.Second)
	delete(s.alive, "e1")
	s.want(10*time.Second, "[{e1 1}]", 4*time.Second, 6*time.Second)
	s.vouching("e1", 100, 0)
	s.name(0)
	s.run(time.Second)
	s.clear(never)
	hb := s.alive["e1"]
	hb.Epoch = 2
	s.alive["e1"] = hb
	s.run(time.Second)
	if upTo, why := s.table.Clear(s.now); upTo < s.now-2*time.Second {
		t.Errorf("clear up to %v at %v: %v", upTo, s.now, why)
	}
}

// A beat that its sender gave up may land behind the next one.
func TestALateBeatSaysNothing(t *testing.T) {
	s := newSim(t)
	s.run(5 * time.Second)
	beat := func(n, oldest int64) {
		s.table.Beat(s.now, schema.Heartbeat{Kind: schema.KindEdge, Instance: "e1", Run: "r", Epoch: 1, Beat: n, OldestMS: oldest})
	}
	beat(2, 9000)
	beat(1, 0)
	s.clear(never)
	beat(3, 0)
	if upTo, why := s.table.Clear(s.now); upTo < 0 {
		t.Error(why)
	}
}

// Whoever has just begun to listen, or has missed some of it, doesn't know all
// edges; and after doubt nobody is taken for gone who could not be heard.
func TestNothingIsClearBeforeAllAreKnown(t *testing.T) {
	s := newSim(t)
	s.clear(never)
	s.run(2 * time.Second)
	s.clear(never)
	s.run(time.Second)
	s.clear(2 * time.Second)
	s.table.Doubt()
	s.run(2 * time.Second)
	s.clear(never)
	s.run(time.Second)
	s.clear(5 * time.Second)

	s.live("e1", 1) // no state rests on it
	s.run(2 * time.Second)
	delete(s.alive, "e1")
	s.delay = 9 * time.Second
	s.run(9 * time.Second)
	s.clear(never)
	s.delay = 0
	for range 80 {
		if _, ok := s.table.Trusted(); ok {
			break
		}
		s.run(250 * time.Millisecond)
	}
	s.run(4 * time.Second)
	s.clear(never)
	s.run(2 * time.Second)
	if upTo, why := s.table.Clear(s.now); upTo < 0 {
		t.Errorf("an edge that is gone holds: %v", why)
	}
}

func (s *sim) liveAs(edge string, oldest int64) {
	s.alive[edge] = schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Epoch: 1, OldestMS: oldest}
}

func goodbye(edge string) schema.Heartbeat {
	return schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Epoch: 1, Stopped: true}
}
