package stream_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/brokertest"
)

// world is a broker with the topics of one service, and who writes to them.
type world struct {
	t        testing.TB
	brokers  []string
	client   *bus.Client
	topics   schema.Topics
	parts    int
	producer *bus.Producer
	seq      map[string]int64 // of edges, by epoch and partition
}

func newWorld(t testing.TB, partitions int) *world {
	t.Helper()
	return worldOn(t, brokertest.Brokers(t), partitions)
}

func worldOn(t testing.TB, brokers []string, partitions int) *world {
	t.Helper()
	return worldWith(t, brokers, partitions, nil)
}

// worldWith is a world with these settings beside a changelog's own.
func worldWith(t testing.TB, brokers []string, partitions int, changelog map[string]string) *world {
	t.Helper()
	client, err := bus.Open(bus.Config{Brokers: brokers, ClientID: "test", Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, brokers: brokers, client: client, topics: schema.Topics{Prefix: brokertest.Prefix(t)}, parts: partitions,
		producer: client.NewProducer(bus.ProducerConfig{}), seq: map[string]int64{}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = w.producer.Close(ctx)
		_ = client.Close()
	})
	var topics []bus.Topic
	for _, spec := range w.topics.All(partitions) {
		configs := spec.Configs()
		if spec.Name == w.topics.PresenceState() {
			maps.Copy(configs, changelog)
		}
		topics = append(topics, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Configs: configs})
	}
	if err := client.EnsureTopics(deadline(t), true, topics...); err != nil {
		t.Fatal(err)
	}
	return w
}

func quiet() *slog.Logger {
	if testing.Verbose() {
		return slog.Default()
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// deadline bounds what a test waits for.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (w *world) config(instance string) stream.Config {
	return stream.Config{
		Fold: rooms.Fold{}, Client: w.client, Topics: w.topics, Kind: schema.KindPresence,
		Group: w.topics.Prefix + "rooms", Input: w.topics.Lifecycle(), Changelog: w.topics.PresenceState(),
		Partitions: w.parts, Instance: instance, Logger: quiet(),
		EdgeLease: time.Minute, HeartbeatInterval: 100 * time.Millisecond,
		SessionTimeout:   6 * time.Second, // the least that Apache Kafka allows
		RebalanceTimeout: 5 * time.Second,
	}
}

// impatient shortens the lease of edges.
func impatient(cfg stream.Config) stream.Config {
	cfg.EdgeLease = 600 * time.Millisecond
	return cfg
}

// start starts a service and stops it with the test.
func (w *world) start(cfg stream.Config) *stream.Service {
	w.t.Helper()
	s, err := stream.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.Start(deadline(w.t)); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.stop(s) })
	return s
}

func (w *world) stop(s *stream.Service) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		w.t.Errorf("stop: %v", err)
	}
}

func (w *world) running(s *stream.Service, partitions ...int32) {
	w.t.Helper()
	for _, p := range partitions {
		if err := s.WaitState(deadline(w.t), p, stream.Running); err != nil {
			w.t.Fatal(err)
		}
	}
}

// ready waits until a service says that nothing is missing.
func (w *world) ready(s *stream.Service) {
	w.t.Helper()
	retry(w.t, func() bool { return s.Ready() == nil })
}

// write appends an event of an edge to partition 0 and returns its offset.
func (w *world) write(edge string, epoch int64, t schema.Type, data any) int64 {
	w.t.Helper()
	source := schema.EdgeSource(edge, epoch)
	w.seq[source]++
	return w.writeAs(source, w.seq[source], t, data)
}

func (w *world) writeAs(source string, seq int64, t schema.Type, data any) int64 {
	w.t.Helper()
	stamp := schema.Stamp{Source: source, Sequence: schema.Sequence{Offset: seq}}
	_, value, err := schema.Encode(t, "", schema.At(time.Now()), stamp, schema.TopicLifecycle, 0, data)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.raw(w.topics.Lifecycle(), value)
}

func (w *world) raw(topic string, value []byte) int64 {
	w.t.Helper()
	res, err := w.producer.PublishWait(deadline(w.t), bus.Record{Topic: topic, Key: []byte("k"), Value: value})
	if err != nil {
		w.t.Fatal(err)
	}
	return res[0].Offset
}

func (w *world) connect(edge string, epoch int64, user string) int64 {
	w.t.Helper()
	return w.write(edge, epoch, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref(edge, epoch, user)})
}

func (w *world) disconnect(edge string, epoch int64, user string) int64 {
	w.t.Helper()
	return w.write(edge, epoch, schema.TypeSessionDisconnected,
		&schema.SessionDisconnected{Ref: ref(edge, epoch, user), Reason: schema.ReasonConnectionLost})
}

func ref(edge string, epoch int64, user string) schema.Ref {
	return schema.Ref{Session: "s-" + user, User: user, Edge: edge, Epoch: epoch}
}

// tail reads one partition from its start.
type tail struct {
	w   *world
	r   *bus.Reader
	got []bus.Record
}

func (w *world) tail(topic string, partition int32) *tail {
	return &tail{w: w, r: w.client.NewReader(bus.ReaderConfig{Topic: topic, Partition: partition, Start: bus.FirstOffset})}
}

// next returns the next record.
func (l *tail) next() bus.Record {
	l.w.t.Helper()
	ctx := deadline(l.w.t)
	for len(l.got) == 0 {
		b, err := l.r.Next(ctx)
		if err != nil {
			l.w.t.Fatal(err)
		}
		l.got = b.Records
	}
	rec := l.got[0]
	l.got = l.got[1:]
	return rec
}

// event returns the next event of one of the types, with its data.
func (l *tail) event(types ...schema.Type) (schema.Event, any) {
	l.w.t.Helper()
	for {
		ev, data, err := schema.Decode(l.next().Value)
		if err != nil {
			continue // of a test with poison
		}
		if slices.Contains(types, ev.Type) {
			return ev, data
		}
	}
}

// said are the texts of the next n joins and lefts: "join alice 1:1".
func (l *tail) said(n int) []string {
	l.w.t.Helper()
	var all []string
	for range n {
		_, data := l.event(schema.TypePresenceJoined, schema.TypePresenceLeft)
		all = append(all, text(data))
	}
	return all
}

func text(data any) string {
	switch d := data.(type) {
	case *schema.PresenceJoined:
		return fmt.Sprintf("join %s %s", d.User, d.Meta["visits"])
	case *schema.PresenceLeft:
		return "left " + d.User
	default:
		return fmt.Sprintf("%T", data)
	}
}

// beat writes an edge's heartbeat.
func (w *world) beat(ctx context.Context, hb schema.Heartbeat) {
	hb.Kind, hb.At = schema.KindEdge, schema.At(time.Now())
	value, err := json.Marshal(hb)
	if err == nil {
		err = w.producer.Publish(ctx, bus.Record{Topic: w.topics.Heartbeat(), Value: value}, nil)
	}
	if err != nil && ctx.Err() == nil {
		w.t.Error(err)
	}
}

// alive sends an edge's heartbeats until stopped.
func (w *world) alive(edge string, epoch int64) (stop func()) {
	return w.aliveAs(schema.Heartbeat{Instance: edge, Epoch: epoch})
}

func (w *world) aliveAs(hb schema.Heartbeat) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	w.beat(ctx, hb)
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				w.beat(ctx, hb)
			}
		}
	}()
	end := func() { cancel(); <-done }
	w.t.Cleanup(end)
	return end
}

func mustJSON(t testing.TB, value []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(value, into); err != nil {
		t.Fatalf("%v in %s", err, value)
	}
}

func asPartitionCount(err error) (*bus.PartitionCountError, bool) {
	return errors.AsType[*bus.PartitionCountError](err)
}

func asRange(err error) (*bus.OffsetRangeError, bool) {
	return errors.AsType[*bus.OffsetRangeError](err)
}

func (w *world) wait(s *stream.Service, partition int32, state stream.State) {
	w.t.Helper()
	if err := s.WaitState(deadline(w.t), partition, state); err != nil {
		w.t.Fatal(err)
	}
}

// recreate deletes a topic and makes it anew, empty.
func (w *world) recreate(topic string) {
	w.t.Helper()
	w.admin(func(admin *kafka.Client) error {
		res, err := admin.DeleteTopics(deadline(w.t), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
		if err != nil || res.Errors[topic] != nil {
			return cmp.Or(err, res.Errors[topic])
		}
		retry(w.t, func() bool { // the brokers hear of it one by one
			meta, err := admin.Metadata(deadline(w.t), &kafka.MetadataRequest{Topics: []string{topic}})
			return err == nil && errors.Is(meta.Topics[0].Error, kafka.UnknownTopicOrPartition)
		})
		return nil
	})
	if err := w.client.EnsureTopics(deadline(w.t), true, bus.Topic{Name: topic, Partitions: w.parts, Replication: 1}); err != nil {
		w.t.Fatal(err)
	}
}

// configure changes one setting of a topic.
func (w *world) configure(topic, name, value string) {
	w.t.Helper()
	w.admin(func(admin *kafka.Client) error {
		res, err := admin.IncrementalAlterConfigs(deadline(w.t), &kafka.IncrementalAlterConfigsRequest{
			Resources: []kafka.IncrementalAlterConfigsRequestResource{{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
				Configs: []kafka.IncrementalAlterConfigsRequestConfig{
					{Name: name, Value: value, ConfigOperation: kafka.ConfigOperationSet},
				},
			}},
		})
		if err != nil {
			return err
		}
		return res.Resources[0].Error
	})
}

func (w *world) admin(do func(*kafka.Client) error) {
	w.t.Helper()
	transport := &kafka.Transport{MetadataTTL: 50 * time.Millisecond}
	defer transport.CloseIdleConnections()
	if err := do(&kafka.Client{Addr: kafka.TCP(w.brokers...), Timeout: 5 * time.Second, Transport: transport}); err != nil {
		w.t.Fatal(err)
	}
}
