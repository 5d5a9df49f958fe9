package stream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/internal/brokertest"
)

// Instances come and go while events flow; each partition is given back with
// its flush finished, and readers notice nothing.
func TestRebalancesWhileEventsFlow(t *testing.T) {
	w := newWorld(t, 1)
	var want []string
	visits := 0
	write := func(n int) {
		for range n {
			visits++
			w.connect("e1", 1, "alice")
			want = append(want, fmt.Sprintf("join alice %d", visits))
		}
	}
	s := w.start(w.config("i0"))
	for i := range 4 {
		write(20)
		next := w.start(w.config(fmt.Sprintf("i%d", i+1)))
		write(20)
		w.stop(s)
		write(20)
		s = next
	}
	w.running(s, 0)
	w.connect("e1", 1, "last")
	want = append(want, "join last 1")
	if got := readAll(w, "join last 1"); !slices.Equal(got, want) {
		t.Errorf("readers were told\n%q, want\n%q", got, want)
	}
}

// What an instance keeps over a rebalance comes back warm, what it gets from
// another is restored.
func TestOwnPartitionsComeBackWarm(t *testing.T) {
	inLabOf(t, 4, func(l *lab) {
		metrics := prometheus.NewRegistry()
		cfg := l.config("i0")
		cfg.Registerer = metrics
		s := l.instance(cfg, 0)
		l.pass(10 * time.Second)
		other := l.instance(l.config("i1"), 0)
		l.pass(30 * time.Second)
		if a, b := s.Owned(), other.Owned(); len(a) != 2 || len(b) != 2 {
			t.Errorf("they own %v and %v", a, b)
		}
		l.end(other)
		l.pass(30 * time.Second)
		if got := s.Owned(); len(got) != 4 {
			t.Errorf("alone it owns %v", got)
		}
		const restores = "rollcall_stream_restores_total"
		if warm, cold := metric(t, metrics, restores+"/warm"), metric(t, metrics, restores+"/cold"); warm != 4 || cold != 6 {
			t.Errorf("%v warm and %v cold take-overs, want 2+2 and 4+2", warm, cold)
		}
	})
}

// crowd are users of several partitions who come again and again.
type crowd struct {
	w      *world
	visits map[string]int
	seq    map[int32]int64
}

const crowdUsers = 40

// come lets every user come once more, without waiting for anything but room.
func (c *crowd) come(ctx context.Context) {
	for i := range crowdUsers {
		user := fmt.Sprintf("u%d", i)
		p := bus.Partition([]byte(user), c.w.parts)
		c.seq[p]++
		_, value, err := schema.Encode(schema.TypeSessionConnected, user, schema.At(time.Now()),
			schema.Stamp{Source: schema.EdgeSource("e1", 1), Sequence: schema.Sequence{Offset: c.seq[p]}},
			schema.TopicLifecycle, p, &schema.SessionConnected{Ref: ref("e1", 1, user)})
		if err == nil {
			err = c.w.producer.Publish(ctx, bus.Record{Topic: c.w.topics.Lifecycle(), Partition: p, Key: []byte(user), Value: value}, nil)
		}
		if err != nil {
			c.w.t.Error(err)
			return
		}
		c.visits[user]++
	}
}

// told reads what readers with watermarks are told, until nothing is missing.
// Each visit comes once, in order.
func (c *crowd) told() {
	c.w.t.Helper()
	missing := 0
	for _, n := range c.visits {
		missing += n
	}
	total, seen := missing, map[string]int{}
	readers := make([]*bus.Reader, c.w.parts)
	watermarks := make([]map[string]schema.Sequence, c.w.parts)
	for p := range readers {
		readers[p] = c.w.tail(c.w.topics.ChannelEvents(), int32(p)).r
		watermarks[p] = map[string]schema.Sequence{}
	}
	ctx := deadline(c.w.t)
	for p := 0; missing > 0; p = (p + 1) % len(readers) {
		b, err := readers[p].Next(ctx)
		if err != nil {
			c.w.t.Fatalf("%d of %d visits aren't told: %v", missing, total, err)
		}
		for _, rec := range b.Records {
			ev, data, err := schema.Decode(rec.Value)
			joined, ok := data.(*schema.PresenceJoined)
			if mark, known := watermarks[p][ev.Source]; err != nil || !ok || known && !ev.Sequence.Above(mark) {
				continue
			}
			watermarks[p][ev.Source] = ev.Sequence
			seen[joined.User]++
			missing--
			if got := joined.Meta["visits"]; got != fmt.Sprint(seen[joined.User]) {
				c.w.t.Fatalf("visit %s of %s came as number %d", got, joined.User, seen[joined.User])
			}
		}
	}
}

// Instances come and go without a pause, in the middle of one another's
// rebalances too, while events never cease. Each is folded once, by whoever has
// its partition.
func TestInstancesComeAndGoUnderLoad(t *testing.T) {
	w := newWorld(t, 4)
	metrics := prometheus.NewRegistry()
	cfg := w.config("i0")
	cfg.Registerer = metrics
	stays := w.start(cfg)
	w.running(stays, 0, 1, 2, 3)
	c := &crowd{w: w, visits: map[string]int{}, seq: map[int32]int64{}}
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() {
		for tick := time.Tick(10 * time.Millisecond); ctx.Err() == nil; <-tick {
			c.come(t.Context())
		}
	})
	var others []*stream.Service
	for i := range 8 {
		others = append(others, w.start(w.config(fmt.Sprintf("i%d", i+1))))
		if i%2 == 0 {
			retry(t, func() bool { return len(others[len(others)-1].Owned()) > 0 })
		}
		if len(others) > 2 {
			w.stop(others[0])
			others = others[1:]
		}
	}
	stop()
	load.Wait()
	c.told()
	if metric(t, metrics, "rollcall_stream_restores_total/warm") == 0 {
		t.Error("nothing came back warm, so this says nothing of it")
	}
}

// Scenario 8: Kafka is away for longer than a lease. Nobody expires, and all
// goes on.
func TestBrokerLossExpiresNobody(t *testing.T) {
	if brokertest.External() {
		t.Skip("an outside Kafka isn't restarted")
	}
	broker := brokertest.Start(t, brokertest.Durable())
	w := worldOn(t, broker.Addrs(), 1)
	s := w.start(impatient(w.config("i1")))
	w.alive("e1", 1)
	w.connect("e1", 1, "alice")
	w.running(s, 0)
	broker.Stop()
	<-time.After(1500 * time.Millisecond) // leases and more
	broker.Restart()
	w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	if got := readAll(w, "left alice"); !slices.Equal(got, []string{"join alice 1", "join alice 2", "left alice"}) {
		t.Errorf("readers were told %q", got)
	}
	input := w.tail(w.topics.Lifecycle(), 0)
	if ev, _ := input.event(schema.TypeEdgeExpired, schema.TypeSessionDisconnected); ev.Type == schema.TypeEdgeExpired {
		t.Error("an edge expired while nobody could be heard")
	}
}
