package sim

import (
	"bytes"
	"flag"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/test/oracle"
)

var (
	oneSeed = flag.Uint64("sim.seed", 0, "play this seed alone; if it fails, log what the services said")
	seeds   = flag.Int("sim.seeds", 4, "how many seeds to play")
	first   = flag.Uint64("sim.first", 1, "the first of them")
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// TestSeeds plays seeds. A run over many fails if a kind of fault never
// occurred in it.
func TestSeeds(t *testing.T) {
	list := make([]uint64, *seeds)
	for i := range list {
		list[i] = *first + uint64(i)
	}
	logger := slog.New(slog.DiscardHandler)
	var said bytes.Buffer
	if *oneSeed != 0 {
		list = []uint64{*oneSeed}
		logger = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	faults, counts := &tally{counts: map[string]int{}}, oracle.Counts{}
	var mu sync.Mutex
	begun := time.Now()
	t.Run("seed", func(t *testing.T) {
		for _, seed := range list {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				r := play(t, seed, faults, logger)
				mu.Lock()
				defer mu.Unlock()
				counts.Add(r.Counts)
			})
		}
	})
	if t.Failed() {
		t.Logf("%s", said.String())
	}
	t.Logf("%d seeds in %v: %s", len(list), time.Since(begun).Round(time.Millisecond), counts)
	t.Logf("faults: %v", faults.counts)
	if len(list) < 100 {
		return
	}
	for _, f := range append(processFaults(), networkFaults(true)...) {
		if faults.counts[f.kind] == 0 {
			t.Errorf("%q never occurred", f.kind)
		}
	}
}

func play(t *testing.T, seed uint64, faults *tally, logger *slog.Logger) (r oracle.Report) {
	dir := ""
	if seed%4 == 0 { // a log that outlives its broker costs files
		dir = t.TempDir()
	}
	synctest.Test(t, func(t *testing.T) { r = run(t, seed, dir, faults, logger) })
	for i, v := range r.Violations {
		if i == 5 {
			t.Errorf("and %d more", len(r.Violations)-i)
			break
		}
		t.Errorf("%s", v)
	}
	if t.Failed() {
		t.Logf("again with: go test ./sim -run TestSeeds -sim.seed=%d", seed)
	}
	return r
}
