package epoch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

const interval = 20 * time.Millisecond

// limit bounds each wait of a test.
const limit = 10 * time.Second

// cluster is a cluster.heartbeat topic and what stands in it.
type cluster struct {
	t      *testing.T
	ctx    context.Context
	client *bus.Client
	topic  string
}

func newCluster(t *testing.T, brokers []string) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	client, err := bus.Open(bus.Config{Brokers: brokers, ClientID: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c := &cluster{t, ctx, client, brokertest.Prefix(t) + schema.TopicHeartbeat}
	if err := client.EnsureTopics(ctx, true, bus.Topic{Name: c.topic, Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	return c
}

// keeper makes one of edge-0 whose epochs arrive in the channel.
func (c *cluster) keeper(run string) (*Keeper, chan int64) {
	entered := make(chan int64, 16)
	return New(Config{Client: c.client, Topic: c.topic, Edge: "edge-0", MailboxPartition: 3, Interval: interval, Run: run,
		Status:  func() Status { return Status{Sessions: 7, Oldest: 1500 * time.Millisecond} },
		Entered: func(epoch int64) { entered <- epoch },
		Logger:  slog.New(slog.DiscardHandler)}), entered
}

func (c *cluster) start(k *Keeper) {
	c.t.Helper()
	if err := k.Start(c.ctx); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = k.Stop(context.WithoutCancel(c.ctx)) })
}

// say writes a heartbeat and returns its offset.
func (c *cluster) say(hb schema.Heartbeat) int64 {
	c.t.Helper()
	value, err := json.Marshal(hb)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.write(value)
}

func (c *cluster) write(value []byte) int64 {
	c.t.Helper()
	p := c.client.NewProducer(bus.ProducerConfig{})
	defer p.Close(c.ctx)
	results, err := p.PublishWait(c.ctx, bus.Record{Topic: c.topic, Value: value})
	if err != nil {
		c.t.Fatal(err)
	}
	return results[0].Offset
}

// read returns all that stands in the topic.
func (c *cluster) read() (all []schema.Heartbeat) {
	c.t.Helper()
	r := c.client.NewReader(bus.ReaderConfig{Topic: c.topic, Start: bus.FirstOffset, MaxWait: 10 * time.Millisecond})
	for {
		b, err := r.Next(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, rec := range b.Records {
			var hb schema.Heartbeat
			if json.Unmarshal(rec.Value, &hb) == nil {
				all = append(all, hb)
			}
		}
		if b.Next >= b.HighWatermark {
			return all
		}
	}
}

func next(t *testing.T, entered chan int64) int64 {
	t.Helper()
	select {
	case e := <-entered:
		return e
	case <-time.After(10 * time.Second):
		t.Fatal("no epoch was entered")
		return 0
	}
}

func TestTheEpochIsTheOffsetOfTheClaim(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	c.say(schema.Heartbeat{Kind: schema.KindEdge, Instance: "edge-0", Claim: "former/1"})
	k, entered := c.keeper("a")
	c.start(k)
	if e := next(t, entered); e != 1 || k.Epoch() != 1 {
		t.Fatalf("entered %d, epoch %d, want 1", e, k.Epoch())
	}
	first := c.read()[2] // acknowledged before Entered
	if first.Claim != "" || first.Epoch != 1 || first.MailboxPartition != 3 || first.Sessions != 7 || first.OldestMS != 1500 {
		t.Fatalf("first beat %+v", first)
	}
	retry.Eventually(t, 5*time.Second, func() error {
		if n := len(c.read()); n < 6 {
			return fmt.Errorf("%d beats", n)
		}
		return nil
	})
	k.Goodbye()
	if err := k.Stop(c.ctx); err != nil {
		t.Fatal(err)
	}
	all := c.read()
	if last := all[len(all)-1]; !last.Stopped || last.Epoch != 1 {
		t.Fatalf("last beat %+v", last)
	}
}

// Offset 0 stands for no epoch: the first record of a new cluster is none.
func TestNoEpochIsZero(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	k, entered := c.keeper("a")
	c.start(k)
	if e := next(t, entered); e != 1 {
		t.Fatalf("epoch %d, want 1", e)
	}
}

// The edge's half: exactly one new epoch for one gap, however often and by
// however many it is reported.
func TestScenario19GapMakesExactlyOneNewEpoch(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	c.say(schema.Heartbeat{Kind: schema.KindPresence, Instance: "p"})
	k, entered := c.keeper("a")
	c.start(k)
	first := next(t, entered)
	verdict := schema.Heartbeat{Kind: schema.KindPresence, Instance: "p", Verdicts: []schema.EdgeVerdict{{Edge: "edge-0", Epoch: first, Verdict: schema.VerdictGap}}}
	c.write([]byte("no heartbeat"))
	for range 5 {
		c.say(verdict)
	}
	second := next(t, entered)
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	c.say(verdict)
	// A verdict on the second shows that those on the first were passed over.
	verdict.Verdicts[0] = schema.EdgeVerdict{Edge: "edge-0", Epoch: second, Verdict: schema.VerdictExpired}
	c.say(verdict)
	third := next(t, entered)
	var claims []int64
	for i, hb := range c.read() {
		if hb.Claim != "" {
			claims = append(claims, int64(i))
		}
	}
	// One record before the claims isn't a heartbeat and isn't counted by read.
	if len(claims) != 3 || third <= second {
		t.Fatalf("claims at %v, epochs %d %d %d", claims, first, second, third)
	}
}

func TestRenew(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	k, entered := c.keeper("a")
	c.start(k)
	first := next(t, entered)
	k.Renew(first, "lost something")
	k.Renew(first, "lost something else")
	second := next(t, entered)
	if second <= first {
		t.Fatalf("epoch %d after %d", second, first)
	}
	k.Renew(first, "lost something before that")
	select {
	case third := <-entered:
		t.Fatalf("epoch %d for what the one before has healed", third)
	case <-time.After(renewPause + 10*interval):
	}
}

// The older of two edges of one name stops with an error.
func TestScenario36TwoEdgesOfOneName(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	older, _ := c.keeper("a")
	c.start(older)
	newer, _ := c.keeper("b")
	c.start(newer)
	select {
	case <-older.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the older goes on")
	}
	if !errors.Is(older.Err(), ErrInUse) {
		t.Fatalf("ended with %v", older.Err())
	}
	before := len(c.read())
	retry.Eventually(t, 5*time.Second, func() error {
		if len(c.read()) < before+3 {
			return errors.New("the newer doesn't beat")
		}
		return nil
	})
	select {
	case <-newer.Done():
		t.Fatalf("the newer ended: %v", newer.Err())
	default:
	}
}

// Kafka away: beats don't pile up to be told later as if they were fresh, the
// one that was under way is given up, and no epoch ends for it.
func TestScenario8OutageOfTheHeartbeats(t *testing.T) {
	if brokertest.External() {
		t.Skip("stops its broker")
	}
	broker := brokertest.Start(t, brokertest.Durable())
	c := newCluster(t, broker.Addrs())
	k, entered := c.keeper("a")
	var sessions, made atomic.Int64
	k.cfg.Status = func() Status { made.Add(1); return Status{Sessions: int(sessions.Load())} }
	c.start(k)
	next(t, entered)
	broker.Stop()
	sessions.Store(1)
	// Each beat that is made from here on gave up the one before it.
	before := made.Load()
	retry.Eventually(t, limit, func() error {
		if n := made.Load() - before; n < 4 {
			return fmt.Errorf("%d beats made since the outage began", n)
		}
		return nil
	})
	sessions.Store(2)
	before = made.Load()
	retry.Eventually(t, limit, func() error {
		if made.Load() == before {
			return errors.New("the last stale beat isn't given up yet")
		}
		return nil
	})
	broker.Restart()
	retry.Eventually(t, 2*limit, func() error {
		all := c.read()
		if all[len(all)-1].Sessions != 2 {
			return errors.New("no beat since the outage")
		}
		return nil
	})
	claims := 0
	for _, hb := range c.read() {
		if hb.Sessions == 1 {
			t.Fatalf("beat %d of the outage came through", hb.Beat)
		}
		if hb.Claim != "" {
			claims++
		}
	}
	if claims != 2 || k.Epoch() != k.watch.first { // offset 0 is no epoch
		t.Fatalf("%d claims, epoch %d after %d", claims, k.Epoch(), k.watch.first)
	}
}

func TestStartStop(t *testing.T) {
	c := newCluster(t, brokertest.Brokers(t))
	startstoptest.Stress(t, func() startstop.Service { k, _ := c.keeper("a"); return k })
}
