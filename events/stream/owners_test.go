package stream_test

import (
	"context"
	"flag"
	"fmt"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// every runs what is tried at every step for every pair of owners; without it
// each step is tried with some.
var every = flag.Bool("every", false, "every pair of owners at every step, which takes a minute")

// duel is two owners of one partition, A and B, that both are given it.
type duel struct {
	*lab
	a, b    side
	compact bool
	fat     int // users whose state no batch can hold
	e1      *labEdge
}

// side is an owner's settings.
type side struct {
	grace   time.Duration
	version int
}

// Two owners at once, with every step of the former as the one that it is stopped
// before: readers are told what one owner would tell, and nothing is lost.
func TestTwoOwnersWithTheFormerStoppedAtEveryStep(t *testing.T) {
	const short, long = 3 * time.Second, 9 * time.Second
	n := 0
	for _, grace := range [][2]time.Duration{{short, short}, {short, long}, {long, short}} {
		for _, version := range [][2]int{{1, 1}, {2, 1}, {1, 2}} {
			for _, compact := range []bool{false, true} {
				d := duel{a: side{grace[0], version[0]}, b: side{grace[1], version[1]}, compact: compact}
				first, stride := n%9, 9*sparse
				if n++; *every {
					first, stride = 0, 1
				}
				t.Run(fmt.Sprintf("delays %v, versions %v, compaction %v", grace, version, compact), func(t *testing.T) {
					t.Parallel()
					d.fightAtEvery(t, first, stride)
				})
			}
		}
	}
}

// A flush that no batch can hold is many writes: its owner is stopped before each.
func TestScenario14TwoOwnersAndALargeFlush(t *testing.T) {
	const grace = 3 * time.Second
	first, stride := 2, 5*sparse
	if *every {
		first, stride = 0, 1
	}
	for _, compact := range []bool{false, true} {
		t.Run(fmt.Sprintf("compaction %v", compact), func(t *testing.T) {
			t.Parallel()
			duel{a: side{grace, 1}, b: side{2 * grace, 1}, compact: compact, fat: 9}.fightAtEvery(t, first, stride)
		})
	}
}

func (d duel) fightAtEvery(t *testing.T, first, stride int) {
	for k := first; !t.Failed(); k += stride {
		passed := 0
		t.Run(fmt.Sprintf("step %d", k), func(t *testing.T) {
			inLab(t, func(l *lab) {
				d.lab = l
				passed = d.fight(k)
			})
		})
		if passed > 0 {
			if passed < 14 {
				t.Errorf("A came to its end in %d steps", passed)
			}
			return
		}
	}
}

// A late riser shuts the owner out of the changelog, and stops: the owner is the
// newest by the log, and may not go on for all that.
func TestAnOwnerThatIsShutOutOfTheChangelogClaimsAnew(t *testing.T) {
	inLab(t, func(l *lab) {
		s := l.rival("a", 3*time.Second)
		e1 := l.edge("e1", 101)
		e1.connect("alice")
		l.pass(time.Second)
		late := l.client.NewFencedWriter(l.topics.PresenceState(), 0, l.topics.PresenceState()+"-0")
		if err := late.Init(l.ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := late.Append(l.ctx, []bus.Record{{Key: []byte(fold.KeyMarker), Value: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
		e1.connect("bob")
		l.pass(10 * time.Second)
		if n := count(l, schema.TypeOwnerStarted, anyOf[*schema.OwnerStarted]); n != 2 {
			t.Errorf("the log names %d owners, want the one and its claim anew", n)
		}
		l.judge(s, 3*time.Second)
	})
}

// owner starts one that nobody shares the partition with.
func (d *duel) owner(name string, s side) *stream.Service {
	cfg := d.config(name)
	cfg.Group += "-" + name
	cfg.Fold = edition{version: s.version}
	return d.instance(cfg, s.grace)
}

// fight stops A before its k-th step, has B take over and go on, and A wake and
// go on until it finds out. It returns the number of steps if A came to its end in
// fewer.
func (d *duel) fight(k int) (passed int) {
	d.e1 = d.edge("e1", 101)
	defer d.e1.die()
	d.before()
	halt := d.stop("a", k)
	defer halt.wake()
	a := d.owner("a", d.a)
	d.during(d.a.grace)
	stands, steps := halt.stands()
	b := d.owner("b", d.b)
	if !stands {
		halt.wake()
		d.finds(a, steps)
	} else {
		d.t.Logf("A stands before: %s", steps[k])
	}
	d.after(d.b.grace)
	d.clean()
	halt.wake()
	d.come("ivan")
	if stands {
		d.finds(a, steps)
	}
	d.pass(10 * time.Second)
	d.verdict(b)
	if stands {
		return 0
	}
	return len(steps)
}

// Two owners that take the partition over at the same time, each stopped before
// one of its steps: whoever goes on first, it is the same.
func TestScenario18TwoTakeOversAtTheSameTime(t *testing.T) {
	const steps = 12 // of a take-over
	grace := 3 * time.Second
	for j := range steps {
		t.Run(fmt.Sprintf("A before step %d", j), func(t *testing.T) {
			t.Parallel()
			for k := range steps {
				if !*every && (j+k)%(4*sparse) != 0 {
					continue
				}
				t.Run(fmt.Sprintf("B before step %d", k), func(t *testing.T) {
					inLab(t, func(l *lab) {
						d := &duel{lab: l, a: side{grace, 1 + j%2}, b: side{2 * grace, 1 + k%2}, compact: (j/2+k/2)%2 == 0}
						d.race(j, k)
					})
				})
			}
		})
	}
}

func (d *duel) race(j, k int) {
	d.e1 = d.edge("e1", 101)
	defer d.e1.die()
	d.before()
	haltA, haltB := d.stop("a", j), d.stop("b", k)
	defer haltA.wake()
	defer haltB.wake()
	a, b := d.owner("a", d.a), d.owner("b", d.b)
	d.during(time.Second)
	if _, steps := haltA.stands(); len(steps) != j+1 {
		d.t.Errorf("A's steps are %q, and it should stand before the last of %d", steps, j+1)
	}
	haltA.wake()
	d.after(time.Second)
	d.clean()
	haltB.wake()
	d.come("ivan")
	d.pass(5 * time.Second)
	d.end(b) // they take it from one another, again and again
	d.pass(5 * time.Second)
	d.verdict(a)
}

// stop stops an owner in its tracks before its k-th step from now on.
func (d *duel) stop(name string, k int) *halt {
	if d.fat > 0 { // the changelog is what matters
		return d.net.halt(name, k, d.topics.PresenceState())
	}
	return d.net.halt(name, k, d.topics.Lifecycle(), d.topics.ChannelEvents(), d.topics.PresenceState(), d.topics.Mailbox())
}

func (d *duel) clean() {
	if d.compact {
		d.cluster.Compact()
	}
}

func (d *duel) come(users ...string) {
	for _, u := range users {
		d.e1.connect(u)
	}
}

func (d *duel) leave(users ...string) {
	for _, u := range users {
		d.e1.disconnect(u)
	}
}

// before leaves a state behind, with one who has gone and is waited for.
func (d *duel) before() {
	first := d.owner("first", d.a)
	d.come("anna", "ben", "carl", "dora", "eve")
	d.pass(time.Second)
	d.leave("carl")
	d.pass(time.Second)
	d.end(first)
	d.leave("ben")
	d.come("anna", "frank")
}

// during is A's time, with delays of its own that end.
func (d *duel) during(grace time.Duration) {
	d.pass(time.Second)
	d.leave("dora")
	d.come("gina")
	for i := range d.fat {
		d.e1.write(schema.TypeSessionConnected, &schema.SessionConnected{
			Ref: ref("e1", 101, fmt.Sprint("fat", i)), Status: fmt.Sprint(rooms.StatusBloat, 150_000)})
	}
	d.pass(time.Second)
	d.come("dora", "anna")
	d.pass(grace)
}

// after is B's time.
func (d *duel) after(grace time.Duration) {
	d.leave("eve", "frank")
	d.pass(time.Second)
	d.come("frank", "anna")
	d.pass(grace + 3*time.Second)
}

// finds has A find out that it owns nothing any more, and end.
func (d *duel) finds(a *stream.Service, steps []string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.ctx, 20*time.Second)
	defer cancel()
	if err := a.WaitState(ctx, 0, stream.Stopped); err != nil {
		d.t.Errorf("A goes on 20 s after a newer owner began; its steps were %q: %v", steps, err)
	}
	d.end(a)
}

// verdict judges what is told in the end, and what a third owner restores after
// the one that is left.
func (d *duel) verdict(left *stream.Service) {
	d.t.Helper()
	d.come("anna", "hugo")
	d.leave("gina")
	d.pass(max(d.a.grace, d.b.grace) + 10*time.Second)
	d.end(left)
	d.clean()
	third := d.owner("third", d.b)
	d.come("last")
	d.pass(3 * time.Second)
	d.judge(third, d.a.grace)
	want := map[string]string{
		"anna": "join 1, join 2, join 3, join 4, join 5", "ben": "join 1, left", "carl": "join 1, left",
		"dora": "join 1, join 2", "eve": "join 1, left", "frank": "join 1, join 2", "gina": "join 1, left",
		"hugo": "join 1", "ivan": "join 1", "last": "join 1",
	}
	for i := range d.fat {
		want[fmt.Sprint("fat", i)] = "join 1"
	}
	d.wantTold(want)
	d.end(third)
}
