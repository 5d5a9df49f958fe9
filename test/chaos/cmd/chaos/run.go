package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rollcall.dev/test/chaos"
	"rollcall.dev/test/oracle"
)

func run(ctx context.Context) error {
	var (
		minutes   = flag.Float64("minutes", 3, "how long, the rest at the end included")
		seed      = flag.Uint64("seed", 0, "of what happens; 0: any")
		users     = flag.Int("users", 200, "who come and go")
		bin       = flag.String("bin", "bin", "directory of the programs")
		artifacts = flag.String("artifacts", "artifacts/chaos", "where histories and logs are kept")
		only      = flag.String("only", "", "kinds of faults, by how they begin, separated by commas; empty: all")
		keep      = flag.Bool("keep", false, "keep the history of a good run, too")
		replay    = flag.String("replay", "", "judge this history and do nothing else")
	)
	flag.Parse()
	if *replay != "" {
		h, err := chaos.Load(*replay)
		if err != nil {
			return err
		}
		return verdict(&chaos.Outcome{History: h, Report: oracle.Check(h)})
	}
	if *seed == 0 {
		*seed = rand.Uint64()>>32 + 1
	}
	o := chaos.Options{Duration: chaos.FaultTime(time.Duration(*minutes * float64(time.Minute))), Seed: *seed, Users: *users, Bin: *bin,
		KafkaPort: os.Getenv("ROLLCALL_TEST_KAFKA_PORT"), Log: func(format string, args ...any) { fmt.Printf(format+"\n", args...) }}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	if outside := os.Getenv("ROLLCALL_TEST_BROKERS"); outside != "" {
		o.Brokers, o.KafkaScript = strings.Split(outside, ","), "deploy/kafka/kafka.sh"
	}
	o.Dir = filepath.Join(*artifacts, fmt.Sprintf("%s-seed-%d", time.Now().Format("20060102-150405"), *seed))
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	fmt.Printf("chaos: seed %d, %d users, faults for %v\n", o.Seed, o.Users, o.Duration)
	outcome, err := chaos.Run(ctx, o)
	if err != nil {
		return fmt.Errorf("%w (logs in %s)", err, o.Dir)
	}
	err = verdict(outcome)
	if err == nil && !*keep {
		return os.RemoveAll(o.Dir)
	}
	tape := filepath.Join(o.Dir, "history.jsonl.gz")
	if saved := chaos.Save(tape, outcome.History); saved != nil {
		return saved
	}
	fmt.Printf("chaos: the history is kept: go run ./test/chaos/cmd/chaos -replay %s\n", tape)
	return err
}

// verdict prints the figures; an error says that something is wrong.
func verdict(o *chaos.Outcome) error {
	for _, wrong := range o.Wrong {
		fmt.Println("WRONG", wrong)
	}
	for _, v := range o.Report.Violations {
		fmt.Println("VIOLATION", v)
	}
	fmt.Printf("faults:  %s\nleaves:  %s\nchecked: %s\nin %v\n", o.Faults, chaos.LeaveLatency(o.History), o.Report.Counts, o.Took.Round(time.Second))
	if o.Failed() {
		return fmt.Errorf("%d promises broken, %d other things wrong", len(o.Report.Violations), len(o.Wrong))
	}
	fmt.Println("no violations")
	return nil
}
