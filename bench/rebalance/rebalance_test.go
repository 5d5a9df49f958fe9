// Package rebalance measures how long a partition isn't folded when instances
// of a service come, leave and are killed, with some 100,000 entities of state
// and an event in each partition every 10 ms.
package rebalance

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"rollcall.dev/bench/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// begin starts two instances and the load, and waits until all is folded.
func begin(b *testing.B) (w *world, members []*instance) {
	w = newWorld(b)
	w.watch = &watch{}
	members = []*instance{w.start("i0"), w.start("i1")}
	w.watch.use(members...)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { w.load(ctx) })
	running.Go(func() { w.watch.run(ctx) })
	b.Cleanup(func() { cancel(); running.Wait() })
	w.watch.settle(b)
	return w, members
}

// entities is how much state the instances have.
func entities(b *testing.B, members []*instance) {
	n := 0
	for _, m := range members {
		for _, p := range m.Owned() {
			if view, ok := m.View(p); ok {
				n += view.Len()
			}
		}
	}
	b.ReportMetric(float64(n), "entities")
}

// BenchmarkComeAndGo has a third instance join, the oldest leave, and so on; a
// round is one of both.
func BenchmarkComeAndGo(b *testing.B) {
	w, members := begin(b)
	var join, leave pauses
	for n := 2; b.Loop(); n++ {
		join.add(w.watch.during(b, func() {
			members = append(members, w.start(fmt.Sprintf("i%d", n)))
			w.watch.use(members...)
		}))
		leave.add(w.watch.during(b, func() {
			oldest := members[0]
			members = members[1:]
			w.stop(oldest)
			w.watch.use(members...)
		}))
	}
	entities(b, members)
	join.report(b, "join")
	leave.report(b, "leave")
}

// BenchmarkKilled has the oldest of three instances die. Its partitions wait
// for the session timeout, by the group's rule; the others' do not.
func BenchmarkKilled(b *testing.B) {
	w, members := begin(b)
	var killed pauses
	for n := 2; b.Loop(); n++ {
		w.watch.during(b, func() {
			members = append(members, w.start(fmt.Sprintf("i%d", n)))
			w.watch.use(members...)
		})
		killed.add(w.watch.during(b, func() {
			members[0].dead.Store(true)
			members = members[1:]
			w.watch.use(members...)
		}))
	}
	entities(b, members)
	killed.report(b, "killed")
}

func (p *pauses) add(more pauses) {
	p.stayed, p.moved = append(p.stayed, more.stayed...), append(p.moved, more.moved...)
}

func (p *pauses) report(b *testing.B, what string) {
	report := func(name string, d []time.Duration) {
		rig.ReportLatency(b, what+"-"+name+"-", d)
		b.ReportMetric(rig.Percentile(d, 1).Seconds()*1000, what+"-"+name+"-max-ms")
	}
	report("stayed", p.stayed)
	report("moved", p.moved)
}
