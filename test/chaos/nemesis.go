package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"rollcall.dev/test/oracle"
)

// Faults come in storms: a few at once, one for each target, and at most one
// for Kafka, so that what is asked for remains possible. Between storms all is
// well for longer than recovery takes: bounds are judged there.
const (
	maxFaults = 3
	gathering = 4 * time.Second // in which the faults of a storm begin
	minCalm   = recovery + 5*time.Second
	maxCalm   = recovery + 15*time.Second
)

// nemesis breaks things, by chance, and mends them.
type nemesis struct {
	cluster *cluster
	rec     *recorder
	rng     *rand.Rand
	only    []string
	log     func(format string, args ...any)

	mu     sync.Mutex
	counts map[string]int // faults by kind
	active int
	wrong  []string // what must not happen to a process
}

// fault is one way to break one target, for as long as it takes.
type fault struct {
	kind, target string
	run          func(ctx context.Context) error
}

func newNemesis(c *cluster, rec *recorder) *nemesis {
	return &nemesis{cluster: c, rec: rec, rng: rand.New(rand.NewPCG(c.o.Seed, 1<<32)), only: c.o.Only, log: c.o.Log, counts: map[string]int{}}
}

// run has storm after storm until the context ends, and returns when all that
// was broken is mended.
func (n *nemesis) run(ctx context.Context) {
	n.pause(ctx, 3*time.Second, 6*time.Second)
	for ctx.Err() == nil {
		n.storm(ctx)
		n.pause(ctx, minCalm, maxCalm)
	}
}

func (n *nemesis) storm(ctx context.Context) {
	var faults sync.WaitGroup
	taken := map[string]bool{}
	for range 1 + n.rng.IntN(maxFaults) {
		all := slices.DeleteFunc(n.faults(), func(f fault) bool { return taken[f.target] || !n.wanted(f.kind) })
		if len(all) == 0 {
			break
		}
		f := n.draw(all)
		taken[f.target] = true
		delay := n.between(0, gathering)
		faults.Go(func() {
			select {
			case <-ctx.Done():
				return
			case <-time.After(delay):
			}
			n.strike(ctx, f)
		})
	}
	faults.Wait()
}

// draw takes a target, and then one of its faults: Kafka has fewer of them than
// a service, and its turn as often.
func (n *nemesis) draw(all []fault) fault {
	var targets []string
	for _, f := range all {
		if !slices.Contains(targets, f.target) {
			targets = append(targets, f.target)
		}
	}
	target := targets[n.rng.IntN(len(targets))]
	all = slices.DeleteFunc(all, func(f fault) bool { return f.target != target })
	return all[n.rng.IntN(len(all))]
}

// strike runs one fault. What is broken is mended also when the run is over.
func (n *nemesis) strike(ctx context.Context, f fault) {
	n.mu.Lock()
	n.counts[f.kind]++
	n.active++
	note := fmt.Sprintf("%s %s #%d", f.kind, f.target, n.counts[f.kind])
	n.mu.Unlock()
	n.rec.note(oracle.Fact{Kind: oracle.FaultOn, Note: note})
	n.log("%8s  on   %s", n.rec.now().Round(time.Millisecond), note)
	err := f.run(ctx)
	n.mu.Lock()
	n.active--
	n.mu.Unlock()
	n.rec.note(oracle.Fact{Kind: oracle.FaultOff, Note: note})
	n.log("%8s  off  %s", n.rec.now().Round(time.Millisecond), note)
	if err != nil {
		n.blame("%s: %v", note, err)
	}
}

// blame notes what must not happen.
func (n *nemesis) blame(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wrong = append(n.wrong, fmt.Sprintf("at %v %s", n.rec.now().Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

// alone tells whether nothing else is broken.
func (n *nemesis) alone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.active == 1
}

func (n *nemesis) wanted(kind string) bool {
	return len(n.only) == 0 || slices.ContainsFunc(n.only, func(o string) bool { return strings.HasPrefix(kind, o) })
}

func (n *nemesis) between(from, to time.Duration) time.Duration {
	return from + time.Duration(n.rng.Int64N(int64(to-from)))
}

func (n *nemesis) pause(ctx context.Context, from, to time.Duration) { sleep(ctx, n.between(from, to)) }

// sleep waits, less long when the context ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// summary is the count of faults by kind.
func (n *nemesis) summary() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(n.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, n.counts[kind]))
	}
	return strings.Join(parts, ", ")
}
