package rebalance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"rollcall.dev/bench/rig"
	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/services/presence/fold"
)

const (
	partitions = 16
	users      = 34_000 // about 100,000 entities
	edge       = "bench"
	epoch      = 1
	// every is the time between two events of a partition.
	every = 10 * time.Millisecond
)

// world is a broker with the topics of a deployment, and who writes to them.
type world struct {
	b      *testing.B
	kafka  *rig.Kafka
	topics schema.Topics
	client *bus.Client
	writer *bus.Producer
	names  [partitions]string // a user of each partition
	seq    [partitions]int64
	watch  *watch
}

func newWorld(b *testing.B) *world {
	b.Helper()
	k := rig.StartKafka(b)
	w := &world{b: b, kafka: k, topics: schema.Topics{Prefix: "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36) + "."}}
	w.client = w.open(nil)
	w.writer = w.client.NewProducer(bus.ProducerConfig{})
	b.Cleanup(func() { w.check(w.writer.Close(context.Background())) })
	var topics []bus.Topic
	for _, spec := range w.topics.All(partitions) {
		topics = append(topics, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Configs: spec.Configs()})
	}
	w.check(w.client.EnsureTopics(b.Context(), true, topics...))
	w.fill()
	return w
}

func (w *world) check(err error) {
	w.b.Helper()
	if err != nil {
		w.b.Fatal(err)
	}
}

func (w *world) open(dial func(context.Context, string, string) (net.Conn, error)) *bus.Client {
	c, err := bus.Open(bus.Config{Brokers: w.kafka.Brokers, Dial: dial, Logger: slog.New(slog.DiscardHandler)})
	w.check(err)
	w.b.Cleanup(func() { w.check(c.Close()) })
	return c
}

// fill lets all users connect and join a channel.
func (w *world) fill() {
	recs := make([]bus.Record, users)
	for i := range recs {
		user := fmt.Sprintf("u%d", i)
		p := bus.Partition([]byte(user), partitions)
		w.names[p] = user
		recs[i] = w.record(p, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref(user), Reannounced: true,
			Subscriptions: []schema.Subscription{{ID: "1", Destination: "/topic/room", Channel: fmt.Sprintf("room%d", i/100), Role: schema.RoleMember}}})
	}
	_, err := w.writer.PublishWait(w.b.Context(), recs...)
	w.check(err)
}

func ref(user string) schema.Ref {
	return schema.Ref{Session: "s-" + user, User: user, Edge: edge, Epoch: epoch}
}

func (w *world) record(p int32, t schema.Type, data any) bus.Record {
	w.seq[p]++
	stamp := schema.Stamp{Source: schema.EdgeSource(edge, epoch), Sequence: schema.Sequence{Offset: w.seq[p]}}
	_, value, err := schema.Encode(t, w.names[p], schema.At(time.Now()), stamp, schema.TopicLifecycle, p, data)
	w.check(err)
	return bus.Record{Topic: w.topics.Lifecycle(), Partition: p, Key: []byte(w.names[p]), Value: value}
}

// load writes to every partition until ctx ends.
func (w *world) load(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for p := range int32(partitions) {
			rec := w.record(p, schema.TypeSessionUpdated, &schema.SessionUpdated{Ref: ref(w.names[p]), Status: strconv.Itoa(n)})
			if err := w.writer.Publish(ctx, rec, nil); err != nil && ctx.Err() == nil {
				w.b.Error(err)
				return
			}
		}
	}
}

// instance is a presence instance whose network can be cut for good, which is
// what a kill looks like to the broker.
type instance struct {
	*stream.Service
	dead atomic.Bool
}

var errCut = errors.New("the network is cut")

func (i *instance) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if i.dead.Load() {
		return nil, errCut
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	return &cutConn{conn, i}, err
}

type cutConn struct {
	net.Conn
	i *instance
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.i.dead.Load() {
		return 0, errCut
	}
	return c.Conn.Write(b)
}

func (w *world) start(name string) *instance {
	w.b.Helper()
	i := &instance{}
	s, err := stream.New(stream.Config{
		Fold: fold.New(), Client: w.open(i.dial), Topics: w.topics, Kind: schema.KindPresence,
		Group: w.topics.Prefix + "presence", Input: w.topics.Lifecycle(), Changelog: w.topics.PresenceState(),
		Partitions: partitions, Instance: name, Delays: schema.Delays{UncleanMS: 10_000},
		EdgeLease: time.Hour, Logger: slog.New(slog.DiscardHandler),
	})
	w.check(err)
	i.Service = s
	w.check(s.Start(w.b.Context()))
	w.b.Cleanup(func() { w.stop(i) })
	return i
}

func (w *world) stop(i *instance) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if i.dead.Load() {
		cancel() // it can't reach anybody any more
		_ = i.Stop(ctx)
		<-i.Done()
		return
	}
	w.check(i.Stop(ctx))
}
