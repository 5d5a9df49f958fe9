package stream_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
)

// The scenarios that have broken earlier drafts, as far as the runtime shows them.

// count is the number of events of a type in the input, of those that match.
func count[T any](l *lab, typ schema.Type, match func(T) bool) (n int) {
	l.t.Helper()
	for _, rec := range l.all(l.topics.Lifecycle()) {
		ev, data, err := schema.Decode(rec.Value)
		if err != nil {
			l.t.Fatal(err)
		}
		if d, ok := data.(T); ok && ev.Type == typ && match(d) {
			n++
		}
	}
	return n
}

func anyOf[T any](T) bool { return true }

// rival is an owner that is alone in its group: it believes that the partition
// is its own.
func (l *lab) rival(name string, grace time.Duration) *stream.Service {
	l.t.Helper()
	cfg := l.config(name)
	cfg.Group += "-" + name
	s := l.instance(cfg, grace)
	if err := s.WaitState(l.ctx, 0, stream.Running); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// An owner finds that an edge has expired and is stopped before its write lands;
// the next one sees the edge healthy. The write lands then.
func TestScenario06AStaleVerdictLandsAndSaysNothing(t *testing.T) {
	inLab(t, func(l *lab) {
		p1 := l.rival("p1", 10*time.Second)
		e1 := l.edge("e1", 101)
		defer e1.die()
		e1.connect("alice")
		l.pass(10 * time.Second)
		written := l.net.hold("p1", produces, l.topics.Lifecycle())
		healthy := l.net.hold("e1-heartbeat", produces, l.topics.Heartbeat())
		l.pass(8 * time.Second) // its lease runs out
		asleep := l.net.halt("p1", 0, l.topics.Lifecycle(), l.topics.PresenceState())
		healthy()
		p2 := l.rival("p2", 10*time.Second)
		l.pass(20 * time.Second)
		written()
		asleep.wake()
		if err := p1.WaitState(l.ctx, 0, stream.Stopped); err != nil {
			t.Error(err)
		}
		l.end(p1)
		l.pass(20 * time.Second)
		if n := count(l, schema.TypeEdgeExpired, anyOf[*schema.EdgeExpired]); n != 1 {
			t.Errorf("%d expiries in the log, want the stale one", n)
		}
		if got := l.heard(); !slices.Equal(got, []string{"join alice 1", "expired e1/101"}) {
			t.Errorf("readers were told %q", got)
		}
		if n := e1.verdicts.Load(); n > 0 {
			t.Errorf("the edge was told %d times that it had expired", n)
		}
		l.end(p2)
	})
}

// A former owner's flush that lands after its successor's, and a repeat of an own
// one that lands after later ones: either would be the last of its keys, and all
// that compaction keeps.
func TestScenario17CompactionAfterALateWrite(t *testing.T) {
	for name, late := range map[string]func(l *lab, p1 *stream.Service, e1 *labEdge) (owner *stream.Service){
		"of a former owner": func(l *lab, p1 *stream.Service, e1 *labEdge) *stream.Service {
			land := l.net.hold("p1", produces, l.topics.PresenceState())
			e1.connect("alice") // comes again
			e1.disconnect("bob")
			e1.connect("carl")
			l.pass(time.Second)
			p2 := l.rival("p2", 0)
			e1.connect("alice")
			e1.disconnect("carl")
			e1.connect("bob")
			l.pass(5 * time.Second)
			land()
			l.pass(time.Second)
			l.end(p1)
			l.pass(20 * time.Second) // whatever p1 has begun anew
			return p2
		},
		"of the owner's own": func(l *lab, p1 *stream.Service, e1 *labEdge) *stream.Service {
			land := l.net.holdFirst("p1", produces, l.topics.PresenceState())
			e1.connect("alice")
			e1.disconnect("bob")
			e1.connect("carl")
			l.pass(15 * time.Second) // it is given up, and sent again
			e1.connect("alice")
			e1.disconnect("carl")
			e1.connect("bob")
			l.pass(5 * time.Second)
			land()
			l.pass(5 * time.Second)
			return p1
		},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				e1 := l.edge("e1", 101)
				defer e1.die()
				p1 := l.rival("p1", 0)
				e1.connect("alice")
				e1.connect("bob")
				l.pass(time.Second)
				owner := late(l, p1, e1)
				l.cluster.Compact()
				l.end(owner)
				third := l.rival("third", 0)
				e1.connect("dora")
				l.pass(2 * time.Second)
				l.judge(third, 0)
				l.wantTold(map[string]string{"alice": "join 1, join 2, join 3", "bob": "join 1, left, join 1", "carl": "join 1, left", "dora": "join 1"})
				l.end(third)
			})
		})
	}
}

// Everything is killed at once. An edge comes back under a new epoch, with one of
// its users; another edge never does.
func TestScenario21EverySessionEndsAfterAKillOfEverything(t *testing.T) {
	inLab(t, func(l *lab) {
		cfg := l.config("p1")
		p1 := l.instance(cfg, 10*time.Second)
		e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
		for _, user := range []string{"alice", "bob", "held"} {
			e1.connect(user)
		}
		e2.connect("carl")
		l.pass(10 * time.Second)
		e1.disconnect("held")
		l.pass(100 * time.Millisecond)
		var revive []func()
		for _, name := range []string{"e1", "e1-heartbeat", "e2", "e2-heartbeat", "p1"} {
			revive = append(revive, l.net.kill(name))
		}
		e1.die()
		e2.die()
		gone, done := context.WithCancel(l.ctx)
		done()
		_ = p1.Stop(gone)

		p2, stop := l.presence("p2", 10*time.Second)
		defer stop()
		revive[0]()
		revive[1]()
		back := l.edge("e1", 201)
		defer back.die()
		back.connect("alice")
		back.write(schema.TypeEdgeStarted, &schema.EdgeStarted{Edge: "e1", Epoch: 201})
		l.pass(40 * time.Second)
		l.wantTold(map[string]string{"alice": "join 1, join 2", "bob": "join 1, left", "held": "join 1, left", "carl": "join 1, left"}, "expired e2/102")
		for _, user := range []string{"bob", "carl", "held"} {
			if n := count(l, schema.TypeSessionDisconnected, func(d *schema.SessionDisconnected) bool { return d.User == user }); n != 1 {
				t.Errorf("the session of %s has %d ends in the log", user, n)
			}
		}
		v, ok := p2.View(0)
		if _, alive := v.Get(rooms.Key("alice", "s-alice")); !ok || v.Len() != 1 || !alive {
			t.Errorf("%d sessions are left, want that of alice: %s", v.Len(), entities(v.Scan("")))
		}
	})
}

// With two edges one is half of them, and nobody holds it; with four, three at
// once are held, but not for ever.
func TestScenario33TheBreakerDoesNotHoldForEver(t *testing.T) {
	for name, c := range map[string]struct {
		edges, lost     int
		atLeast, atMost time.Duration
	}{"one of two": {2, 1, 0, 6 * time.Second}, "three of four": {4, 3, time.Minute, 67 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			inLab(t, func(l *lab) {
				_, stop := l.presence("p", time.Second)
				defer stop()
				var edges []*labEdge
				want := map[string]string{}
				for i := range c.edges {
					e := l.edge(fmt.Sprint("e", i), int64(100+i))
					edges = append(edges, e)
					e.connect("user-" + e.id)
					want["user-"+e.id] = "join 1"
				}
				l.pass(20 * time.Second)
				var expiries []string
				for _, e := range edges[:c.lost] {
					e.die()
					want["user-"+e.id] = "join 1, left"
					expiries = append(expiries, fmt.Sprintf("expired %s/%d", e.id, e.epoch))
				}
				begin := time.Now()
				for !slices.Contains(l.heard(), expiries[0]) && time.Since(begin) < 3*time.Minute {
					l.pass(250 * time.Millisecond)
				}
				if took := time.Since(begin); took < c.atLeast || took > c.atMost {
					t.Errorf("expired after %v, want %v to %v", took, c.atLeast, c.atMost)
				}
				l.pass(20 * time.Second)
				l.wantTold(want, expiries...)
				for _, e := range edges[c.lost:] {
					e.die()
				}
			})
		})
	}
}
