package chaos

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
	"rollcall.dev/test/process"
)

var bin string

// TestMain: a process of this test may be asked to be the broker.
func TestMain(m *testing.M) {
	code := 1
	asked, err := Broker(context.Background())
	if !asked && err == nil {
		code, err = run(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // most of what the tests do is wait
	dir, err := os.MkdirTemp("", "rollcall-chaos-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binaries, err := process.Build("../..", dir)
	if err != nil {
		return 1, err
	}
	bin = filepath.Dir(binaries.Path("edge"))
	return m.Run(), nil
}

// play has a few users at a ring while a script breaks it, and fails the test
// for whatever is wrong; the history is then an artifact.
func play(t *testing.T, steady bool, script func(ctx context.Context, n *nemesis)) *Outcome {
	t.Helper()
	t.Parallel()
	return judge(t, Options{Seed: 1, Users: 40, script: script, steady: steady})
}

func judge(t *testing.T, o Options) *Outcome {
	t.Helper()
	o.Bin, o.Dir, o.Log = bin, t.TempDir(), t.Logf
	outcome, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range outcome.Wrong {
		t.Error(wrong)
	}
	for _, v := range outcome.Report.Violations {
		t.Error(v)
	}
	t.Logf("checked %s", outcome.Report.Counts)
	if t.Failed() {
		tape := filepath.Join(t.ArtifactDir(), "history.jsonl.gz")
		if err := Save(tape, outcome.History); err != nil {
			t.Error(err)
		}
		t.Logf("the history is in %s", tape)
	}
	return outcome
}

// lefts are the users that the log says have left, with why.
func lefts(h oracle.History) (all []string) {
	for _, r := range h.Log {
		if _, data, err := schema.Decode(r.Value); err == nil {
			if left, ok := data.(*schema.PresenceLeft); ok {
				all = append(all, fmt.Sprintf("%s from %s: %s", left.User, left.Channel, left.Reason))
			}
		}
	}
	return all
}

func settle(ctx context.Context) { sleep(ctx, 4*time.Second) }

// Scenario 9: every service is restarted, one after the other, and nobody has
// left: the clients come back as stock clients do.
func TestScenario09RollingRestart(t *testing.T) {
	outcome := play(t, true, func(ctx context.Context, n *nemesis) {
		settle(ctx)
		for _, i := range n.cluster.services() {
			n.strike(ctx, fault{"restart", i.id, func(ctx context.Context) error { return n.restart(ctx, i) }})
			settle(ctx)
		}
	})
	if told := lefts(outcome.History); len(told) > 0 {
		t.Errorf("%d lefts: %v", len(told), told)
	}
	if n := outcome.Report.Counts.Sessions; n < 70 {
		t.Errorf("%d sessions: not everybody had to come back", n)
	}
}

// Scenario 21: everything is killed at once, Kafka too, and started again.
// Every session of before has an end in the log, and nobody is a ghost.
func TestScenario21KillOfEverything(t *testing.T) {
	outcome := play(t, true, func(ctx context.Context, n *nemesis) {
		settle(ctx)
		n.strike(ctx, fault{"kill", "everything", n.killEverything})
		settle(ctx)
	})
	lost := 0
	for _, r := range outcome.History.Log {
		if _, data, err := schema.Decode(r.Value); err == nil {
			if d, ok := data.(*schema.SessionDisconnected); ok && d.Reason == schema.ReasonEdgeLost {
				lost++
			}
		}
	}
	if lost < 40 {
		t.Errorf("%d sessions ended as edge_lost, there were more", lost)
	}
}

// killEverything kills all, and starts all at once.
func (n *nemesis) killEverything(ctx context.Context) error {
	all := append(n.cluster.services(), n.cluster.broker)
	for _, i := range all {
		i.kill()
		n.away(i, oracle.EdgeKilled)
	}
	settle(ctx)
	errs := make([]error, len(all))
	var starting sync.WaitGroup
	for k, i := range all {
		starting.Go(func() { errs[k] = n.back(i) })
	}
	starting.Wait()
	return firstOf(errs...)
}

// Scenario 24: an edge is cut off from Kafka for longer than its lease, while
// members come and go at the other one. Its own clients' connections stay, and
// each is told each departure once, as one difference.
func TestScenario24EdgeCutOff(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(*instance) error{
		"refused": func(i *instance) error { i.link.Cut(); return nil },
		"silent":  func(i *instance) error { return i.link.Silence() },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, false, func(ctx context.Context, n *nemesis) {
				settle(ctx)
				i := n.cluster.edges[0]
				n.strike(ctx, fault{"cut", i.id, func(ctx context.Context) error {
					return n.network(ctx, i, edgeLease+2*time.Second, func() error { return broken(i) })
				}})
				sleep(ctx, recovery)
			})
		})
	}
}

// Scenario 8: the network of every service is slow, for longer than a lease.
func TestScenario08SlowNetwork(t *testing.T) {
	t.Parallel()
	outcome := judge(t, Options{Seed: 1, Users: 20, rest: recovery + leaveDelay + 2*slack, script: func(ctx context.Context, n *nemesis) {
		settle(ctx)
		n.strike(ctx, fault{"slow network", "everything", func(ctx context.Context) (err error) {
			for _, i := range n.cluster.services() {
				err = firstOf(err, i.link.Slow(300*time.Millisecond, 150*time.Millisecond))
			}
			sleep(ctx, 2*edgeLease+2*time.Second)
			for _, i := range n.cluster.services() {
				err = firstOf(err, i.link.Heal(ctx))
			}
			return err
		}})
	}})
	nobodyExpired(t, outcome.History)
	if counts := outcome.Report.Counts; counts.Lefts == 0 {
		t.Errorf("nobody was told as gone: %s", counts)
	}
}

// nobodyExpired fails the test if one of two edges counted as dead, or thought so.
func nobodyExpired(t *testing.T, h oracle.History) {
	t.Helper()
	epochs := map[string]bool{}
	for _, r := range h.Log {
		switch _, data, _ := schema.Decode(r.Value); d := data.(type) {
		case *schema.EdgeStarted:
			epochs[fmt.Sprintf("%s/%d", d.Edge, d.Epoch)] = true
		case *schema.EdgeExpired:
			t.Errorf("at %v edge %s/%d expired", r.At, d.Edge, d.Epoch)
		}
	}
	if len(epochs) != 2 {
		t.Errorf("two edges had the epochs %v", epochs)
	}
}
