package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/settings"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

const testPartitions = 4

// limit bounds each wait of a test.
const limit = 10 * time.Second

// rig is a real edge on a real protocol, with a notifier that does as it is told.
type rig struct {
	t       *testing.T
	ctx     context.Context
	brokers []string
	topics  schema.Topics
	client  *bus.Client
	app     *App

	mu     sync.Mutex
	events []schema.Event // of both public topics, as read
	data   []any
}

func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	return newRigOn(t, brokertest.Brokers(t), change)
}

func newRigOn(t *testing.T, brokers []string, change func(*Options)) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, brokers: brokers, topics: schema.Topics{Prefix: brokertest.Prefix(t)}}
	client, err := bus.Open(bus.Config{Brokers: brokers, ClientID: "test", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	r.client = client
	r.app = r.startEdge("edge-0", change)
	r.follow()
	return r
}

// startEdge starts an edge that ends with the test.
func (r *rig) startEdge(id string, change func(*Options)) *App {
	r.t.Helper()
	o := r.options(id)
	if change != nil {
		change(&o)
	}
	a, err := New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := a.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = a.Stop(ctx)
	})
	return a
}

func (r *rig) options(id string) Options {
	logger := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return Options{
		Flags:    Flags{Auth: "none", HeartBeat: 10 * time.Second, ConnectTimeout: 2 * time.Second},
		Kafka:    settings.Kafka{Brokers: r.brokers, Partitions: testPartitions, TopicPrefix: r.topics.Prefix, Replication: 1, CreateTopics: true},
		Instance: id, Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", HeartbeatInterval: 50 * time.Millisecond, Logger: logger,
		Root: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "demo") }),
	}
}

// follow reads all partitions of both public topics until the test ends.
func (r *rig) follow() {
	ctx, cancel := context.WithCancel(r.ctx)
	var wg sync.WaitGroup
	for _, topic := range []string{r.topics.Lifecycle(), r.topics.ChannelEvents()} {
		for p := range int32(testPartitions) {
			wg.Go(func() { r.read(ctx, topic, p) })
		}
	}
	r.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (r *rig) read(ctx context.Context, topic string, p int32) {
	reader := r.client.NewReader(bus.ReaderConfig{Topic: topic, Partition: p, Start: bus.FirstOffset, MaxWait: 50 * time.Millisecond})
	for {
		b, err := reader.Next(ctx)
		if err != nil {
			return
		}
		for _, rec := range b.Records {
			ev, data, err := schema.Decode(rec.Value)
			if err != nil {
				r.t.Errorf("%s/%d@%d: %v", topic, p, rec.Offset, err)
				continue
			}
			r.mu.Lock()
			r.events, r.data = append(r.events, ev), append(r.data, data)
			r.mu.Unlock()
		}
	}
}

// find returns the data of all events of a type that fit.
func find[T any](r *rig, fits func(T) bool) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []T
	for _, d := range r.data {
		if v, ok := d.(T); ok && fits(v) {
			out = append(out, v)
		}
	}
	return out
}

// await waits for the n-th event of a type that fits.
func await[T any](r *rig, n int, fits func(T) bool) T {
	r.t.Helper()
	var got []T
	retry.Eventually(r.t, limit, func() error {
		if got = find(r, fits); len(got) < n {
			return fmt.Errorf("%d of %d %T", len(got), n, *new(T))
		}
		return nil
	})
	return got[n-1]
}

func any1[T any](T) bool { return true }

// post writes entries of a scripted task into the mailbox of an edge.
func (r *rig) post(edge string, epoch int64, source string, entries ...schema.MailboxEntry) {
	r.t.Helper()
	value, err := json.Marshal(schema.MailboxRecord{Edge: edge, Epoch: epoch, Source: source, Entries: entries})
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(r.topics.Mailbox(), schema.MailboxPartition(edge, testPartitions), edge, value)
}

func (r *rig) write(topic string, partition int32, key string, value []byte) {
	r.t.Helper()
	p := r.client.NewProducer(bus.ProducerConfig{})
	defer p.Close(r.ctx)
	if _, err := p.PublishWait(r.ctx, bus.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: value}); err != nil {
		r.t.Fatal(err)
	}
}

// notifier answers as one would, with offsets of its own making.
type notifier struct {
	r      *rig
	offset int64
	epoch  int64
}

func newNotifier(r *rig) *notifier { return &notifier{r: r, epoch: r.app.keeper.Epoch(), offset: 100} }

func (n *notifier) entry(channel string, t schema.Type, data any) schema.MailboxEntry {
	n.r.t.Helper()
	n.offset++
	raw, err := json.Marshal(data)
	if err != nil {
		n.r.t.Fatal(err)
	}
	return schema.MailboxEntry{Sequence: schema.Sequence{Offset: n.offset}, Type: t, Channel: channel, ID: fmt.Sprint("id-", n.offset),
		Version: schema.Version{Partition: 1, Offset: n.offset}, Time: schema.At(time.Now()), Data: raw}
}

func (n *notifier) post(entries ...schema.MailboxEntry) {
	n.r.t.Helper()
	n.r.post("edge-0", n.epoch, "/tasks/notifier-01K/1", entries...)
}

// answer waits for the count-th interest in a channel and answers with members.
func (n *notifier) answer(channel string, count int, members ...string) {
	n.r.t.Helper()
	in := await(n.r, count, func(d *schema.EdgeInterested) bool { return d.Channel == channel && d.Epoch == n.epoch })
	state := schema.ChannelState{Request: in.Request, Parts: 1, Members: []schema.ChannelMember{}}
	for i, m := range members {
		state.Members = append(state.Members, schema.ChannelMember{Member: schema.Member{User: m, Meta: schema.Meta{}}, Joined: int64(i)})
	}
	n.post(n.entry(channel, schema.MailboxState, state))
}

func (n *notifier) joined(channel, user string) schema.MailboxEntry {
	return n.entry(channel, schema.TypePresenceJoined, schema.PresenceJoined{Channel: channel, User: user})
}

func (n *notifier) left(channel, user string) schema.MailboxEntry {
	return n.entry(channel, schema.TypePresenceLeft, schema.PresenceLeft{Channel: channel, User: user, Reason: schema.ReasonConnectionLost})
}

// heartbeats are all that stand in cluster.heartbeat.
func (r *rig) heartbeats() (all []schema.Heartbeat) {
	r.t.Helper()
	reader := r.client.NewReader(bus.ReaderConfig{Topic: r.topics.Heartbeat(), Start: bus.FirstOffset, MaxWait: 10 * time.Millisecond})
	for {
		b, err := reader.Next(r.ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, rec := range b.Records {
			var hb schema.Heartbeat
			if err := json.Unmarshal(rec.Value, &hb); err != nil {
				r.t.Fatal(err)
			}
			all = append(all, hb)
		}
		if b.Next >= b.HighWatermark {
			return all
		}
	}
}

// order lists the types of the events of one partition, as read so far.
func (r *rig) order(fits func(schema.Event, any) bool) []schema.Type {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []schema.Type
	for i, ev := range r.events {
		if fits(ev, r.data[i]) {
			out = append(out, ev.Type)
		}
	}
	return out
}

func sorted(s []string) []string { slices.Sort(s); return s }
