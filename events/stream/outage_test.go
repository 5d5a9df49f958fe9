package stream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

// Scenario 1: alice reloads at 0 s with a grace of 10 s. The partition's leader
// is lost at some time before the grace ends; alice is back on another edge
// right after that, so her return waits there. The leader comes back, and the
// edge or presence reaches it first: no left. The last seconds of the grace are
// the hard ones: no heartbeat has told of a backlog yet.
func TestScenario01ADueDoesNotOvertakeAnOutbox(t *testing.T) {
	const grace = 10 * time.Second
	n := 0
	for _, lost := range []time.Duration{3 * time.Second, 8700 * time.Millisecond, 9700 * time.Millisecond, 9990 * time.Millisecond} {
		for _, away := range []time.Duration{500 * time.Millisecond, 12 * time.Second} {
			for _, late := range []string{"e2", "p"} {
				for _, kind := range []string{"refusing", "silent"} {
					if n++; n%sparse != 0 {
						continue
					}
					t.Run(fmt.Sprintf("%s at %v for %v, %s last", kind, lost, away, late), func(t *testing.T) {
						inLab(t, func(l *lab) { l.reload(grace, lost, away, late, kind) })
					})
				}
			}
		}
	}
}

func (l *lab) reload(grace, lost, away time.Duration, late, kind string) {
	_, stop := l.presence("p", grace)
	defer stop()
	e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
	defer e1.die()
	defer e2.die()
	e1.connect("alice")
	e1.connect("bob") // leaves for good
	l.pass(20 * time.Second)
	e1.disconnect("alice")
	e1.disconnect("bob")
	l.pass(lost)
	var over func()
	switch kind {
	case "refusing":
		over = l.outage(l.topics.Lifecycle())
	case "silent":
		over = l.standstill(l.topics.Lifecycle())
	case "all silent":
		over = l.standstill("")
	}
	l.pass(5 * time.Millisecond)
	e2.connect("alice")
	l.pass(away)
	// What is on its way lands, in whichever order; what is sent anew waits.
	let := l.net.hold(late, produces, l.topics.Lifecycle())
	over()
	l.pass(900 * time.Millisecond)
	let()
	l.pass(time.Minute)
	want := []string{"join alice 1", "join bob 1", "join alice 2", "left bob"}
	if got := l.heard(); !slices.Equal(got, want) && !slices.Equal(got, []string{"join alice 1", "join bob 1", "left bob", "join alice 2"}) {
		l.t.Errorf("%q, want %q", got, want)
	}
}

// The hold of a minute is for an edge that is stuck beside a Kafka that works. It
// doesn't run while the partition, or all of Kafka, is away: the returns of that
// time come when it is over.
func TestAnOutageLongerThanTheHoldTellsNoFalseLeave(t *testing.T) {
	for _, kind := range []string{"refusing", "silent", "all silent"} {
		for _, late := range []string{"e2", "p"} {
			t.Run(kind+", "+late+" last", func(t *testing.T) {
				inLab(t, func(l *lab) { l.reload(10*time.Second, 3*time.Second, 80*time.Second, late, kind) })
			})
		}
	}
}

// Whatever keeps heartbeats from being heard, no edge that lives expires; and one
// that dies afterwards does, within a lease and a second.
func TestScenario08NobodyExpiresWhileNobodyIsHeard(t *testing.T) {
	for name, c := range map[string]struct {
		length  time.Duration
		disturb func(l *lab) (over func())
	}{
		"the monitor's reader stands still": {time.Minute, func(l *lab) func() { return l.net.hold("p", fetches, l.topics.Heartbeat()) }},
		"Kafka stands still":                {time.Minute, func(l *lab) func() { return l.standstill("") }},
		"the heartbeats' leader is lost":    {9 * time.Second, func(l *lab) func() { return l.outage(l.topics.Heartbeat()) }},
		"the network is slow": {time.Minute, func(l *lab) func() {
			l.net.slow(700 * time.Millisecond)
			return func() { l.net.slow(0) }
		}},
	} {
		t.Run(name, func(t *testing.T) { inLab(t, func(l *lab) { l.disturbed(c.length, c.disturb) }) })
	}
}

// standstill holds back all that is produced to a topic or fetched from it. Not
// the group's requests: kafka-go waits for those with a lock, and the bubble's
// time stands still.
func (l *lab) standstill(topic string) (over func()) {
	p, f := l.net.hold("", produces, topic), l.net.hold("", fetches, topic)
	return func() { p(); f() }
}

func (l *lab) disturbed(length time.Duration, disturb func(l *lab) (over func())) {
	_, stop := l.presence("p", 10*time.Second)
	defer stop()
	e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
	defer e1.die()
	e1.connect("alice")
	l.pass(10 * time.Second)
	e2.connect("bob")
	l.pass(10 * time.Second)
	over := disturb(l)
	l.pass(length)
	over()
	l.pass(30 * time.Second)
	if got := l.heard(); !slices.Equal(got, []string{"join alice 1", "join bob 1"}) {
		l.t.Fatalf("%q", got)
	}
	if n := e1.verdicts.Load() + e2.verdicts.Load(); n > 0 {
		l.t.Errorf("%d verdicts on edges that live", n)
	}
	e2.die()
	begin := time.Now()
	for slices.Index(l.heard(), "expired e2/102") < 0 && time.Since(begin) < time.Minute {
		l.pass(100 * time.Millisecond)
	}
	if took := time.Since(begin); took > 6*time.Second {
		l.t.Errorf("expired after %v", took)
	}
	l.pass(12 * time.Second)
	if got := l.heard(); !slices.Contains(got, "left bob") || slices.Contains(got, "left alice") {
		l.t.Errorf("%q", got)
	}
}

// An expiry that an outage has kept from being written is withdrawn when the
// edge is heard again before it ends.
func TestAStaleExpiryDoesNotLand(t *testing.T) {
	inLab(t, func(l *lab) {
		_, stop := l.presence("p", 10*time.Second)
		defer stop()
		e1 := l.edge("e1", 101)
		defer e1.die()
		e1.connect("alice")
		l.pass(20 * time.Second)
		over := l.outage(l.topics.Lifecycle())
		l.pass(time.Second)
		let := l.net.hold("e1-heartbeat", produces, l.topics.Heartbeat())
		l.pass(8 * time.Second) // its lease runs out
		let()
		l.pass(3 * time.Second)
		over()
		l.pass(time.Minute)
		if got := l.heard(); !slices.Equal(got, []string{"join alice 1"}) {
			t.Errorf("%q", got)
		}
	})
}

// What a leave costs beyond the grace: the edges are asked, and answer at once.
func TestALeaveIsSoonAfterItsGrace(t *testing.T) {
	inLab(t, func(l *lab) {
		_, stop := l.presence("p", 10*time.Second)
		defer stop()
		e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
		defer e1.die()
		defer e2.die()
		e1.connect("alice")
		l.pass(20500 * time.Millisecond)
		e1.disconnect("alice")
		l.pass(10*time.Second + 50*time.Millisecond)
		if got := l.heard(); !slices.Contains(got, "left alice") {
			t.Errorf("%q 50 ms after the grace", got)
		}
	})
}

// While a living edge has a return in its outbox, or may have one, no due is
// written: neither for whoever returns nor for others.
func TestNoDueIsWrittenDespiteABacklog(t *testing.T) {
	inLab(t, func(l *lab) {
		_, stop := l.presence("p", 10*time.Second)
		defer stop()
		e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
		e1.connect("alice")
		e1.connect("bob") // leaves for good
		l.pass(20 * time.Second)
		e1.disconnect("alice")
		e1.disconnect("bob")
		l.pass(3 * time.Second)
		let := l.net.hold("e2", produces, l.topics.Lifecycle())
		e2.connect("alice")
		l.pass(20 * time.Second)
		written := func() int { return count(l, schema.TypeLeaveDue, anyOf[*schema.LeaveDue]) }
		if n := written(); n > 0 {
			t.Errorf("%d dues were written while an edge had a backlog", n)
		}
		let()
		l.pass(20 * time.Second)
		l.wantTold(map[string]string{"alice": "join 1, join 2", "bob": "join 1, left"})
		if n := written(); n != 1 {
			t.Errorf("%d dues were written, want that of bob", n)
		}
	})
}

// Scenario 3: the clock of one edge's host is an hour fast, the other's an hour
// slow, and the partition changes its owner inside the graces. Who is back in
// time stays, who isn't is told as gone when a grace after the hand-over ends,
// and a dead edge expires in time.
func TestScenario03ClocksOfHosts(t *testing.T) {
	for _, skew := range []time.Duration{0, time.Hour, -time.Hour} {
		t.Run(skew.String(), func(t *testing.T) { inLab(t, func(l *lab) { l.clocks(skew) }) })
	}
}

func (l *lab) clocks(skew time.Duration) {
	_, stop := l.presence("p", 10*time.Second)
	e1, e2 := l.skewed("e1", 101, skew), l.skewed("e2", 102, -skew)
	defer e1.die()
	for _, user := range []string{"alice", "bob"} {
		e1.connect(user)
	}
	e2.connect("carol")
	l.pass(20 * time.Second)
	e1.disconnect("alice")
	e1.disconnect("bob") // leaves for good
	l.pass(5 * time.Second)
	stop()
	_, stop = l.presence("q", 10*time.Second)
	defer stop()
	e2.connect("alice")
	l.pass(9 * time.Second)
	if got := l.heard(); slices.Contains(got, "left bob") {
		l.t.Errorf("%q within the grace", got)
	}
	l.pass(2 * time.Second)
	if got := l.heard(); !slices.Contains(got, "left bob") || slices.Contains(got, "left alice") {
		l.t.Errorf("%q after the grace", got)
	}
	e2.die()
	l.pass(6 * time.Second)
	if got := l.heard(); !slices.Contains(got, "expired e2/102") {
		l.t.Errorf("%q after the lease", got)
	}
	l.pass(11 * time.Second)
	if got := l.heard(); !slices.Contains(got, "left carol") || slices.Contains(got, "expired e1/101") {
		l.t.Errorf("%q after the dead edge", got)
	}
}

// An edge that has not answered a verdict may have lost a return: it holds dues as
// a backlog does, and no longer.
func TestNoDueIsWrittenBesideAnUnansweredVerdict(t *testing.T) {
	inLab(t, func(l *lab) {
		_, stop := l.presence("p", 10*time.Second)
		defer stop()
		e1, e2 := l.edge("e1", 101), l.edge("e2", 102)
		e1.connect("alice")
		l.pass(20 * time.Second)
		e2.connect("bob")
		e2.seq++ // lost
		e2.connect("carl")
		e1.disconnect("alice")
		written := func() int { return count(l, schema.TypeLeaveDue, anyOf[*schema.LeaveDue]) }
		l.pass(40 * time.Second)
		if n := written(); n > 0 || e2.verdicts.Load() == 0 {
			t.Errorf("%d dues were written beside a gap that the edge was told of %d times", n, e2.verdicts.Load())
		}
		l.pass(40 * time.Second)
		if n := written(); n != 1 {
			t.Errorf("%d dues were written after the hold, want that of alice", n)
		}
	})
}
