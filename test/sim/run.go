package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rollcall.dev/test/oracle"
)

const (
	people   = 12
	lifetime = 40 * time.Second
)

// run plays one seed: people come and go, two nemeses break things, all heals,
// all rests, and the oracle judges. Call it in a bubble.
func run(t *testing.T, seed uint64, dir string, faults *tally, logger *slog.Logger) oracle.Report {
	dice := rand.New(rand.NewPCG(seed, 0))
	d := deploy(t, seed, dir, logger)
	until := time.Now().Add(lifetime)
	var all sync.WaitGroup
	for n := range people {
		all.Go(d.newPerson(seed, n, people, until).live)
	}
	if dice.IntN(8) != 0 { // one in eight goes undisturbed, with bounds that hold
		for k, list := range [][]fault{processFaults(), networkFaults(dir != "")} {
			n := &nemesis{d: d, rand: rand.New(rand.NewPCG(seed, uint64(10+k))), until: until, faults: list, tally: faults, name: fmt.Sprint("nemesis ", k)}
			all.Go(n.rage)
		}
	}
	all.Wait()
	for _, i := range d.instances() {
		<-i.now.started
	}
	d.rest()
	d.end()
	h := d.history()
	r := oracle.Check(h)
	if len(r.Violations) > 0 {
		for _, f := range h.Facts {
			if f.Conn == "" {
				t.Log(f)
			}
		}
	}
	return r
}
