package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
)

// lab is a broker, edges and instances in one bubble of fake time: minutes cost
// milliseconds.
type lab struct {
	*world
	net     *wires
	cluster *kfake.Cluster
	ctx     context.Context
}

// inLab runs body in a bubble, with one partition. What body leaves behind ends
// with it, also where it fails.
func inLab(t *testing.T, body func(l *lab)) {
	t.Helper()
	inLabOf(t, 1, body)
}

func inLabOf(t *testing.T, partitions int, body func(l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := newWires()
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(n.listen), kfake.GroupMinSessionTimeout(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 24*time.Hour)
		t.Cleanup(cancel)
		t.Cleanup(cluster.Close)
		t.Cleanup(func() { time.Sleep(time.Minute) }) // connections end
		l := &lab{net: n, cluster: cluster, ctx: ctx}
		client := l.open(t, "test")
		l.world = &world{t: t, brokers: cluster.ListenAddrs(), client: client, parts: partitions,
			producer: client.NewProducer(bus.ProducerConfig{}), seq: map[string]int64{}}
		t.Cleanup(func() {
			if err := l.producer.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		for _, spec := range l.topics.All(partitions) {
			configs := spec.Configs()
			if configs["cleanup.policy"] == "compact" {
				configs["delete.retention.ms"] = "100" // a compaction leaves nothing of what is gone
			}
			if err := client.EnsureTopics(ctx, true, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Configs: configs}); err != nil {
				t.Fatal(err)
			}
		}
		body(l)
	})
}

func (l *lab) open(t testing.TB, name string) *bus.Client {
	t.Helper()
	c, err := bus.Open(bus.Config{Brokers: l.cluster.ListenAddrs(), ClientID: name, Dial: l.net.dialer(name), Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// presence runs an instance with the settings of a deployment until the lab ends.
func (l *lab) presence(name string, grace time.Duration) (s *stream.Service, stop func()) {
	l.t.Helper()
	s = l.instance(l.config(name), grace)
	if err := s.WaitState(l.ctx, 0, stream.Running); err != nil {
		l.t.Fatal(err)
	}
	return s, func() { l.end(s) }
}

// instance starts one with the settings of a deployment, on a network of its own.
func (l *lab) instance(cfg stream.Config, grace time.Duration) *stream.Service {
	l.t.Helper()
	cfg.Client, cfg.EdgeLease, cfg.HeartbeatInterval = l.open(l.t, cfg.Instance), 5*time.Second, time.Second
	cfg.Delays.UncleanMS = grace.Milliseconds()
	s, err := stream.New(cfg)
	if err == nil {
		l.t.Cleanup(func() { l.end(s) })
		err = s.Start(l.ctx)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *lab) end(s *stream.Service) {
	l.t.Helper()
	if err := s.Stop(l.ctx); err != nil {
		l.t.Errorf("stop: %v", err)
	}
}

// outage has the leader of a topic's partition away, for all.
func (l *lab) outage(topic string) (over func()) {
	f := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce, kmsg.Fetch}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: -1})
	return f.Remove
}

// labEdge is what an edge is to presence: events in order, and heartbeats that
// tell their backlog and what the edge has heard.
type labEdge struct {
	l      *lab
	id     string
	epoch  int64
	events *bus.Producer
	seq    int64
	// skew is how far its host's clock is ahead.
	skew  time.Duration
	known atomic.Int64
	end   context.CancelFunc
	dead  bool
	done  sync.WaitGroup
	// verdicts against the epoch that it has heard.
	verdicts atomic.Int64
}

func (l *lab) edge(id string, epoch int64) *labEdge { return l.skewed(id, epoch, 0) }

func (l *lab) skewed(id string, epoch int64, skew time.Duration) *labEdge {
	ctx, cancel := context.WithCancel(l.ctx)
	e := &labEdge{l: l, id: id, epoch: epoch, skew: skew, end: cancel, events: l.open(l.t, id).NewProducer(bus.ProducerConfig{})}
	beats := l.open(l.t, id+"-heartbeat")
	asked := make(chan struct{}, 1)
	e.done.Go(func() { e.hear(ctx, beats, asked) })
	e.done.Go(func() { e.beat(ctx, beats, asked) })
	l.t.Cleanup(e.die)
	return e
}

func (e *labEdge) hear(ctx context.Context, c *bus.Client, asked chan<- struct{}) {
	r := c.NewReader(bus.ReaderConfig{Topic: e.l.topics.Heartbeat(), Start: bus.FirstOffset})
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return
		}
		for _, rec := range b.Records {
			var hb schema.Heartbeat
			mustJSON(e.l.t, rec.Value, &hb)
			e.known.Store(rec.Offset)
			for _, v := range hb.Verdicts {
				if v.Edge == e.id {
					e.verdicts.Add(1)
				}
			}
			if hb.Ask {
				select {
				case asked <- struct{}{}:
				default:
				}
			}
		}
	}
}

func (e *labEdge) beat(ctx context.Context, c *bus.Client, asked <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	p := c.NewProducer(bus.ProducerConfig{})
	defer func() { over, cancel := context.WithCancel(e.l.ctx); cancel(); _ = p.Close(over) }()
	for n := int64(1); ; n++ {
		if p.Buffered() == 0 {
			known := e.known.Load()
			hb := schema.Heartbeat{Kind: schema.KindEdge, Instance: e.id, Run: e.id, Beat: n, At: schema.At(e.clock()), Epoch: e.epoch,
				OldestMS: (e.events.Oldest() + time.Millisecond - 1).Milliseconds(), Heard: known}
			value, err := json.Marshal(hb)
			if err == nil {
				err = p.Publish(ctx, bus.Record{Topic: e.l.topics.Heartbeat(), Value: value, Time: e.clock()}, nil)
			}
			if err != nil && ctx.Err() == nil {
				e.l.t.Error(err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-asked:
		}
	}
}

// die ends the edge as kill -9 does. What it has sent may still land. Dead twice
// is fine.
func (e *labEdge) die() {
	if e.dead {
		return
	}
	e.dead = true
	e.end()
	over, cancel := context.WithCancel(e.l.ctx)
	cancel()
	_ = e.events.Close(over)
	e.done.Wait()
}

func (e *labEdge) clock() time.Time { return time.Now().Add(e.skew) }

func (e *labEdge) write(typ schema.Type, data any) {
	e.seq++
	stamp := schema.Stamp{Source: schema.EdgeSource(e.id, e.epoch), Sequence: schema.Sequence{Offset: e.seq}}
	_, value, err := schema.Encode(typ, "", schema.At(e.clock()), stamp, schema.TopicLifecycle, 0, data)
	if err == nil {
		err = e.events.Publish(e.l.ctx, bus.Record{Topic: e.l.topics.Lifecycle(), Value: value, Time: e.clock()}, nil)
	}
	if err != nil {
		e.l.t.Error(err)
	}
}

func (e *labEdge) connect(user string) {
	e.write(schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref(e.id, e.epoch, user)})
}

func (e *labEdge) disconnect(user string) {
	e.write(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref(e.id, e.epoch, user), Reason: schema.ReasonConnectionLost})
}

// heard are the texts of all joins and lefts so far, repeats left out, and of
// the expiries in the input.
func (l *lab) heard() (all []string) {
	l.t.Helper()
	marks := map[string]schema.Sequence{}
	for _, topic := range []string{l.topics.ChannelEvents(), l.topics.Lifecycle()} {
		for _, rec := range l.all(topic) {
			ev, data, err := schema.Decode(rec.Value)
			if err != nil {
				l.t.Fatal(err)
			}
			switch d := data.(type) {
			case *schema.PresenceJoined, *schema.PresenceLeft:
				if m, ok := marks[ev.Source]; !ok || ev.Sequence.Above(m) {
					marks[ev.Source] = ev.Sequence
					all = append(all, text(data))
				}
			case *schema.EdgeExpired:
				all = append(all, fmt.Sprintf("expired %s/%d", d.Edge, d.Epoch))
			}
		}
	}
	return all
}

// pass lets time pass in the bubble.
func (l *lab) pass(d time.Duration) { time.Sleep(d) }
