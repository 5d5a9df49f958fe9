// Package chaos runs the services as processes among clients who come and go,
// has a nemesis break them, and lets package oracle judge what was seen.
package chaos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"rollcall.dev/test/oracle"
	"rollcall.dev/test/process"
)

// Outcome of a run.
type Outcome struct {
	History oracle.History
	Report  oracle.Report
	// Wrong is what isn't the oracle's to judge: processes that ended by
	// themselves, and the harness's own troubles.
	Wrong  []string
	Faults string
	Took   time.Duration
}

// Failed tells whether anything is wrong.
func (o Outcome) Failed() bool { return len(o.Wrong) > 0 || len(o.Report.Violations) > 0 }

// Run is one run. An error means that there is nothing to judge. Every process
// it started has ended when it returns.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	rec := newRecorder()
	c := &cluster{o: o}
	defer c.close()
	if err := c.start(ctx); err != nil {
		return nil, err
	}
	log, err := follow(ctx, rec, c.brokers, c.topics.Prefix, c.topics.Lifecycle(), c.topics.ChannelEvents())
	if err != nil {
		return nil, err
	}
	n := newNemesis(c, rec)
	crowd := newCrowd(o, rec, c.at())
	err = spend(ctx, o, c, n, crowd, rec, log)
	records, wrong := log.close()
	crowd.leave()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("interrupted: %w", ctx.Err()) // as the processes may have been
	}
	if err != nil {
		return nil, err
	}
	judged := config(rec.origin)
	judged.Recovery = cmp.Or(o.recovery, recovery)
	history := oracle.History{Config: judged, Facts: rec.taken(), Log: records}
	o.Log("%8s  judging %d facts and %d records", rec.now().Round(time.Second), len(history.Facts), len(records))
	return &Outcome{History: history, Report: oracle.Check(history), Wrong: slices.Concat(n.wrong, wrong), Faults: n.summary(), Took: rec.now()}, nil
}

// spend is the time in which things happen, and then the rest.
func spend(ctx context.Context, o Options, c *cluster, n *nemesis, crowd *crowd, rec *recorder, log *publicLog) error {
	living, goHome := context.WithCancel(ctx)
	defer func() {
		goHome()
		crowd.living.Wait()
	}()
	crowd.live(living)
	if o.script != nil {
		o.script(ctx, n)
	} else {
		breaking, enough := context.WithTimeout(ctx, o.Duration)
		n.run(breaking)
		enough()
	}
	if err := c.ready(ctx); err != nil {
		return err
	}
	goHome()
	crowd.living.Wait()
	o.Log("%8s  at rest", rec.now().Round(time.Second))
	sleep(ctx, cmp.Or(o.rest, longestRest))
	for _, i := range c.services() {
		if i.proc.Ended() {
			n.blame("%s had ended by itself: %s", i.id, process.Tail(i.proc.Output(), 2000))
		}
	}
	if err := crowd.look(ctx, rec, c.at()); err != nil {
		return fmt.Errorf("look at the rosters: %w", err)
	}
	sleep(ctx, slack)
	if err := ctx.Err(); err != nil {
		return err
	}
	rec.note(oracle.Fact{Kind: oracle.Quiet})
	catching, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return log.catchUp(catching)
}
