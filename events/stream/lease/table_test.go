package lease_test

import (
	"fmt"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/lease"
)

// sim lets time pass in steps of a quarter second: own heartbeats and those of
// edges once a second, a look at the table at every step.
type sim struct {
	t     *testing.T
	table *lease.Table
	now   time.Duration
	beat  int64
	// delay of own heartbeats through Kafka; 0 is at once.
	delay time.Duration
	back  []pending
	// alive edges by id.
	alive map[string]schema.Heartbeat
}

type pending struct {
	at   time.Duration
	beat int64
}

func newSim(t *testing.T) *sim {
	return &sim{t: t, alive: map[string]schema.Heartbeat{},
		table: lease.New(lease.Config{Lease: 5 * time.Second, Interval: time.Second, Hold: time.Minute})}
}

func (s *sim) name(partition int32, epochs ...fold.EdgeEpoch) { s.table.Name(s.now, partition, epochs) }

func (s *sim) live(edge string, epoch int64) {
	s.alive[edge] = schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Epoch: epoch}
}

// run lets time pass and returns what expired first, with the time it took.
func (s *sim) run(d time.Duration) (expired string, after time.Duration) {
	s.t.Helper()
	begin := s.now
	for end := s.now + d; s.now < end; s.now += 250 * time.Millisecond {
		if s.now%time.Second == 0 {
			s.beat++
			s.table.Sent(s.now, s.beat)
			s.back = append(s.back, pending{s.now + s.delay, s.beat})
			for _, hb := range s.alive {
				s.table.Beat(s.now, hb)
			}
		}
		for len(s.back) > 0 && s.back[0].at <= s.now {
			s.table.Back(s.now, s.back[0].beat, s.back[0].beat)
			s.back = s.back[1:]
		}
		if over, _ := s.table.Expired(s.now); len(over) > 0 {
			return fmt.Sprint(over), s.now - begin
		}
	}
	return "", 0
}

func e(edge string, epoch int64) fold.EdgeEpoch { return fold.EdgeEpoch{Edge: edge, Epoch: epoch} }

func (s *sim) want(d time.Duration, expired string, atLeast, atMost time.Duration) {
	s.t.Helper()
	got, after := s.run(d)
	if got != expired {
		s.t.Fatalf("after %v expired %q, want %q", after, got, expired)
	}
	if expired != "" && (after < atLeast || after > atMost) {
		s.t.Errorf("%s expired after %v, want %v to %v", got, after, atLeast, atMost)
	}
}

func TestLeaseBeginsWhenFirstNamed(t *testing.T) {
	s := newSim(t)
	s.want(10*time.Second, "", 0, 0)
	s.name(0, e("e1", 1))
	s.want(10*time.Second, "[{e1 1}]", 5*time.Second, 6*time.Second)
}

func TestHeartbeatsRenew(t *testing.T) {
	s := newSim(t)
	s.live("e1", 1)
	s.name(0, e("e1", 1))
	s.want(time.Minute, "", 0, 0)
	delete(s.alive, "e1")
	s.want(10*time.Second, "[{e1 1}]", 4*time.Second, 6*time.Second)
}

func TestNewerEpochRenewsTheOlder(t *testing.T) {
	s := newSim(t)
	s.live("e1", 7)
	s.name(0, e("e1", 1))
	s.want(time.Minute, "", 0, 0)
}

func TestOlderEpochDoesNotRenewTheNewer(t *testing.T) {
	s := newSim(t)
	s.live("e1", 1)
	s.name(0, e("e1", 7))
	s.want(time.Minute, "[{e1 7}]", 5*time.Second, 6*time.Second)
}

func TestAnEdgeIsBehindThatBeatsUnderALowerEpoch(t *testing.T) {
	s := newSim(t)
	s.name(0, e("e1", 40))
	s.live("e1", 3)
	s.want(20*time.Second, "[{e1 40}]", 5*time.Second, 6*time.Second)
	if epoch, behind := s.table.Behind(s.now, e("e1", 40)); !behind || epoch != 3 {
		t.Errorf("beats under %d, behind %v", epoch, behind)
	}
	if _, behind := s.table.Behind(s.now+3*time.Second, e("e1", 40)); behind {
		t.Error("an edge that beats no longer is behind")
	}
	if _, behind := s.table.Behind(s.now, e("e1", 3)); behind {
		t.Error("behind its own epoch")
	}
}

func TestClaimDoesNotRenew(t *testing.T) {
	s := newSim(t)
	s.alive["e1"] = schema.Heartbeat{Kind: schema.KindEdge, Instance: "e1", Claim: "c"}
	s.name(0, e("e1", 0))
	s.want(time.Minute, "[{e1 0}]", 5*time.Second, 6*time.Second)
}

func TestLeaseIsSharedAndLeftByTheLast(t *testing.T) {
	s := newSim(t)
	s.name(0, e("e1", 1))
	s.run(3 * time.Second)
	s.name(1, e("e1", 1), e("e2", 2)) // e1's lease isn't begun anew
	s.name(0)
	s.want(10*time.Second, "[{e1 1}]", 2*time.Second, 3*time.Second)
	s.name(1, e("e2", 2))
	s.want(10*time.Second, "[{e2 2}]", 0, 3*time.Second)
	s.name(1)
	s.want(10*time.Second, "", 0, 0)
}

// Scenario 8: the heartbeat partition is away for 9 s.
func TestNobodyIsJudgedWhileOwnHeartbeatsAreLate(t *testing.T) {
	s := newSim(t)
	s.live("e1", 1)
	s.name(0, e("e1", 1))
	s.want(4*time.Second, "", 0, 0)
	delete(s.alive, "e1")
	s.delay = 9 * time.Second
	s.want(9*time.Second, "", 0, 0)
	if _, ok := s.table.Trusted(); ok {
		t.Error("trusted with heartbeats 9 s late")
	}
	s.delay = 0
	s.live("e1", 1)
	s.want(20*time.Second, "", 0, 0)
	if _, ok := s.table.Trusted(); !ok {
		t.Error("not trusted again")
	}
	delete(s.alive, "e1")
	s.want(20*time.Second, "[{e1 1}]", 4*time.Second, 6*time.Second)
}

func TestAfterDoubtLeasesBeginAnew(t *testing.T) {
	s := newSim(t)
	s.name(0, e("e1", 1))
	s.want(4*time.Second, "", 0, 0)
	s.table.Doubt()
	s.want(10*time.Second, "[{e1 1}]", 5*time.Second, 7*time.Second)
}

// A process that stood still has heard nobody; what was sent to it waits.
func TestPauseIsDoubt(t *testing.T) {
	s := newSim(t)
	s.live("e1", 1)
	s.name(0, e("e1", 1))
	s.run(4 * time.Second)
	s.now += 20 * time.Second
	if over, _ := s.table.Expired(s.now); len(over) > 0 {
		t.Errorf("%v expired right after a pause", over)
	}
	s.want(time.Minute, "", 0, 0)
}

// bigCluster has n edges alive, of which the first lost fall silent.
func bigCluster(t *testing.T, n, lost int) *sim {
	s := newSim(t)
	var all []fold.EdgeEpoch
	for i := range n {
		s.live(fmt.Sprintf("e%d", i), 1)
		all = append(all, e(fmt.Sprintf("e%d", i), 1))
	}
	s.name(0, all...)
	s.want(10*time.Second, "", 0, 0)
	for i := range lost {
		delete(s.alive, fmt.Sprintf("e%d", i))
	}
	return s
}

func TestBreaker(t *testing.T) {
	for _, c := range []struct {
		edges, lost int
		held        bool
	}{{4, 2, false}, {4, 3, true}, {4, 4, true}, {10, 5, false}, {10, 6, true}, {3, 3, false}, {2, 1, false}, {1, 1, false}} {
		t.Run(fmt.Sprintf("%d of %d", c.lost, c.edges), func(t *testing.T) {
			s := bigCluster(t, c.edges, c.lost)
			_, after := s.run(5 * time.Minute)
			if held := after > time.Minute; held != c.held || after == 0 || after > 70*time.Second {
				t.Errorf("expired after %v, want held: %v", after, c.held)
			}
		})
	}
}

// Edges that are lost at once run out one by one: they beat at different times.
func TestBreakerSeesEdgesThatRunOutOneByOne(t *testing.T) {
	for lost, held := range map[int]bool{2: false, 3: true} {
		s := bigCluster(t, 4, 0)
		for i := range lost {
			delete(s.alive, fmt.Sprintf("e%d", i))
			s.want(time.Second, "", 0, 0)
		}
		if over, after := s.run(5 * time.Minute); after == 0 || after > time.Minute != held {
			t.Errorf("%d lost: %s expired after %v, want held: %v", lost, over, after, held)
		}
	}
}

func TestBreakerIsForgottenWhenTheyAreBack(t *testing.T) {
	s := bigCluster(t, 4, 4)
	s.want(50*time.Second, "", 0, 0)
	for i := range 4 {
		s.live(fmt.Sprintf("e%d", i), 1)
	}
	s.want(10*time.Second, "", 0, 0)
	s.alive = map[string]schema.Heartbeat{}
	_, after := s.run(5 * time.Minute)
	if after < time.Minute {
		t.Errorf("held for %v the second time", after)
	}
}

// Edges that said goodbye don't count as lost, and aren't held.
func TestBreakerIgnoresGoodbyes(t *testing.T) {
	s := bigCluster(t, 5, 0)
	for i := range 3 {
		id := fmt.Sprintf("e%d", i)
		s.table.Beat(s.now, schema.Heartbeat{Kind: schema.KindEdge, Instance: id, Epoch: 1, Stopped: true})
		delete(s.alive, id)
	}
	s.want(10*time.Second, "[{e0 1} {e1 1} {e2 1}]", 4*time.Second, 6*time.Second)
}

func TestAlive(t *testing.T) {
	s := newSim(t)
	s.live("e1", 5)
	s.run(2 * time.Second)
	for epoch, want := range map[int64]bool{4: false, 5: true, 6: true} {
		if got := s.table.Alive(s.now, "e1", epoch); got != want {
			t.Errorf("alive under %d: %v", epoch, got)
		}
	}
	if s.table.Alive(s.now, "e2", 5) || s.table.Alive(s.now+time.Minute, "e1", 5) {
		t.Error("an edge that isn't heard is alive")
	}
}

func TestEdgesAreDroppedAfterAWhile(t *testing.T) {
	s := newSim(t)
	s.live("e1", 5)
	s.run(2 * time.Second)
	if got := s.table.Edges(s.now); len(got) != 1 || got[0].Last.Epoch != 5 {
		t.Errorf("edges %+v", got)
	}
	s.table.Beat(s.now, schema.Heartbeat{Kind: schema.KindEdge, Instance: "e1", Epoch: 4})
	if got := s.table.Edges(s.now); got[0].Last.Epoch != 5 {
		t.Error("an older epoch took the place of the newer")
	}
	if got := s.table.Edges(s.now + time.Hour); len(got) != 0 {
		t.Errorf("edges after an hour: %+v", got)
	}
}
