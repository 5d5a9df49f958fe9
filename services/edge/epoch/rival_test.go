package epoch

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/retry"
)

func expired(epoch int64) schema.Heartbeat {
	return schema.Heartbeat{Kind: schema.KindPresence, Instance: "p",
		Verdicts: []schema.EdgeVerdict{{Edge: "edge-0", Epoch: epoch, Verdict: schema.VerdictExpired}}}
}

// claims of a process that stand in the topic.
func (c *cluster) claims(run string) (n int) {
	for _, hb := range c.read() {
		if hb.Claim != "" && hb.Run == run {
			n++
		}
	}
	return n
}

func wantInUse(t *testing.T, k *Keeper) {
	t.Helper()
	select {
	case <-k.Done():
	case <-time.After(limit):
		t.Fatal("the older goes on")
	}
	if !errors.Is(k.Err(), ErrInUse) {
		t.Fatalf("ended with %v", k.Err())
	}
}

// The older slept, its lease ran out and it was replaced. It wakes and reads the
// verdict on its epoch first: it must not claim over its successor.
func TestScenario36WhoSleptDoesNotClaimOverItsSuccessor(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	older, entered := c.keeper("a")
	c.start(older)
	first := next(t, entered)
	before := c.claims("a")
	var recs []bus.Record // one batch: read together
	for _, hb := range []schema.Heartbeat{expired(first), {Kind: schema.KindEdge, Instance: "edge-0", Run: "b", Claim: "b/1"}} {
		value, err := json.Marshal(hb)
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, bus.Record{Topic: c.topic, Value: value})
	}
	p := c.client.NewProducer(bus.ProducerConfig{})
	defer p.Close(c.ctx)
	if _, err := p.PublishWait(c.ctx, recs...); err != nil {
		t.Fatal(err)
	}
	wantInUse(t, older)
	if n := c.claims("a"); n != before {
		t.Fatalf("%d claims, %d before its successor's", n, before)
	}
}

// The older sleeps between its last look and its claim, which lands above the
// successor's: it stops all the same, before it enters that epoch. The newer
// goes on, under an epoch above it.
func TestScenario36TheOlderStopsThoughItsClaimIsTheLast(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	older, entered := c.keeper("a")
	var sleeps atomic.Bool
	asleep, wake := make(chan struct{}, 2), make(chan struct{})
	older.cfg.Status = func() Status { // asked for by beats and by claims
		if sleeps.Load() {
			asleep <- struct{}{}
			<-wake
		}
		return Status{}
	}
	c.start(older)
	first := next(t, entered)
	sleeps.Store(true)
	<-asleep // the beat
	c.say(expired(first))
	<-asleep // the claim
	sleeps.Store(false)
	newer, newerEntered := c.keeper("b")
	c.start(newer)
	second := next(t, newerEntered)
	close(wake)
	wantInUse(t, older)
	if len(entered) > 0 {
		t.Fatalf("the older entered epoch %d", <-entered)
	}
	if third := next(t, newerEntered); third <= second {
		t.Fatalf("the newer went from epoch %d to %d", second, third)
	}
	select {
	case <-newer.Done():
		t.Fatalf("the newer ended: %v", newer.Err())
	default:
	}
}

// An epoch that ends as soon as it has begun, time and again: renewals become
// rare. One that lasts ends the count.
func TestRenewalsAreNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pacer
		storm := func() (pauses []time.Duration) {
			for range 8 {
				if !p.ready() {
					t.Fatal("not ready after the pause")
				}
				p.renewed()
				begin := time.Now()
				if p.ready() {
					t.Fatal("ready within the pause")
				}
				<-p.over
				p.over = nil
				pauses = append(pauses, time.Since(begin))
			}
			return pauses
		}
		first := storm()
		if first[0] != renewPause || first[1] != 2*renewPause || first[7] != renewPauseMax {
			t.Fatalf("pauses %v", first)
		}
		p.renewed()
		<-p.over
		p.over = nil
		if again := storm(); again[0] != renewPause {
			t.Fatalf("after an epoch that lasted: %v", again)
		}
	})
}

// Until all that has to be told anew is counted, a beat of the new epoch would
// say that nothing is waiting.
func TestBeatsTellTheNewEpochOnceItsBacklogIsKnown(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	k, _ := c.keeper("a")
	var made atomic.Int64
	k.cfg.Status = func() Status { made.Add(1); return Status{} }
	entering, enter := make(chan int64, 2), make(chan struct{})
	k.cfg.Entered = func(epoch int64) {
		entering <- epoch
		if epoch != k.watch.first && k.watch.first != 0 {
			<-enter
		}
	}
	c.start(k)
	first := next(t, entering)
	k.Renew(first, "lost something")
	second := next(t, entering)
	before := made.Load()
	retry.Eventually(t, limit, func() error {
		if n := made.Load() - before; n < 3 {
			return fmt.Errorf("%d beats made since the claim", n)
		}
		return nil
	})
	for _, hb := range c.read() {
		if hb.Epoch == second {
			t.Errorf("beat %d tells epoch %d", hb.Beat, second)
		}
	}
	close(enter)
	retry.Eventually(t, limit, func() error {
		if all := c.read(); all[len(all)-1].Epoch != second {
			return errors.New("the new epoch isn't told")
		}
		return nil
	})
}
