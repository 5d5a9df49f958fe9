package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"rollcall.dev/test/oracle"
)

// nemesis breaks things as its seed says, one after the other, and mends each.
type nemesis struct {
	d      *deployment
	rand   *rand.Rand
	until  time.Time
	faults []fault
	tally  *tally
	n      int
	name   string
}

// fault does its harm and has mended it when it returns. It may find nothing
// to harm.
type fault struct {
	kind string
	do   func(n *nemesis) bool
}

// tally counts faults of each kind.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (t *tally) add(kind string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[kind]++
}

func (n *nemesis) rage() {
	n.pause(time.Second, 6*time.Second)
	for time.Now().Before(n.until) {
		f := n.faults[n.rand.IntN(len(n.faults))]
		n.n++
		note := fmt.Sprintf("%s %s#%d", n.name, f.kind, n.n)
		n.d.rec.note(oracle.Fact{Kind: oracle.FaultOn, Note: note})
		if f.do(n) {
			n.tally.add(f.kind)
		}
		n.d.rec.note(oracle.Fact{Kind: oracle.FaultOff, Note: note})
		n.pause(500*time.Millisecond, 6*time.Second)
	}
}

func (n *nemesis) pause(from, to time.Duration) {
	time.Sleep(from + time.Duration(n.rand.Int64N(int64(to-from))))
}

// hold is how long a fault lasts: mostly short, sometimes longer than a lease.
func (n *nemesis) hold() {
	if n.rand.IntN(3) == 0 {
		n.pause(edgeLease, 4*edgeLease)
		return
	}
	n.pause(200*time.Millisecond, edgeLease)
}

// victim is an instance that runs, nil if the one that was chosen doesn't.
func (n *nemesis) victim() *instance {
	all := n.d.instances()
	i := all[n.rand.IntN(len(all))]
	if i.now == nil {
		return nil
	}
	return i
}

// awaitStart waits for an instance to run, not for ever: Kafka may be away.
func (n *nemesis) awaitStart(i *instance) {
	select {
	case <-i.now.started:
	case <-time.After(30 * time.Second):
	}
}

func processFaults() []fault {
	return []fault{
		{"kill", func(n *nemesis) bool { return n.killed(func(i *instance) { n.d.kill(i) }) }},
		{"kill between two writes", func(n *nemesis) bool { return n.killed(n.killAtWrite) }},
		{"pause", (*nemesis).freeze},
		{"restart", (*nemesis).restart},
		{"instance added and gone", (*nemesis).addAnother},
	}
}

// killed kills an instance and starts it again, at once or later.
func (n *nemesis) killed(kill func(*instance)) bool {
	i := n.victim()
	if i == nil {
		return false
	}
	kill(i)
	n.hold()
	n.d.start(i)
	n.awaitStart(i)
	return true
}

// killAtWrite kills an instance just before or just after one of its next
// writes to Kafka.
func (n *nemesis) killAtWrite(i *instance) {
	left, after, hit := 1+n.rand.IntN(60), n.rand.IntN(2) == 0, make(chan struct{})
	var mu sync.Mutex
	ask := func(near bool) error {
		mu.Lock()
		defer mu.Unlock()
		if !near || left == -1 {
			return nil
		}
		if left--; left > 0 || left == 0 && after {
			return nil
		}
		if left == 0 || left == -1 {
			close(hit)
		}
		left = -2
		return errKilled
	}
	host := i.now.host
	for node := range nodes {
		n.d.net.link(host, kafkaHost(node)).setOnWrite(ask)
	}
	select {
	case <-hit:
	case <-time.After(20 * time.Second):
	}
	n.d.kill(i)
}

// freeze lets nothing in or out of a process, as if it stood still.
func (n *nemesis) freeze() bool {
	i := n.victim()
	if i == nil {
		return false
	}
	host := i.now.host
	if i.isEdge() {
		n.d.rec.edgeAway(i.id, +1)
		n.d.rec.linkDown(i.id, +1)
		defer n.d.rec.edgeAway(i.id, -1)
		defer n.d.rec.linkDown(i.id, -1)
	}
	n.d.net.freeze(host, +1)
	n.hold()
	n.d.net.freeze(host, -1)
	return true
}

// restart ends an instance in order and starts it again, as a deploy does.
func (n *nemesis) restart() bool {
	i := n.victim()
	if i == nil {
		return false
	}
	if i.isEdge() {
		n.d.rec.note(oracle.Fact{Kind: oracle.EdgeStops, Edge: i.id})
	}
	if err := n.d.stop(i); err != nil && i.isEdge() {
		n.d.rec.note(oracle.Fact{Kind: oracle.EdgeKilled, Edge: i.id}) // it could not tell all
	}
	n.d.start(i)
	n.awaitStart(i)
	return true
}

// addAnother has the groups rebalance: a third instance comes and goes.
func (n *nemesis) addAnother() bool {
	n.d.mu.Lock()
	n.d.extra++
	number := 10 + n.d.extra
	n.d.mu.Unlock()
	i := n.d.newPresence(number)
	if n.rand.IntN(2) == 0 {
		i = n.d.newNotifier(number)
	}
	n.d.start(i)
	n.awaitStart(i)
	n.hold()
	if n.rand.IntN(2) == 0 {
		n.d.kill(i)
	} else {
		_ = n.d.stop(i)
	}
	return true
}
