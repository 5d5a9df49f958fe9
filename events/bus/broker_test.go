package bus

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokersEnv names an outside Kafka (comma list) for the tests that can use
// one. Tests named TestEmbedded… always use kfake, for its fault injection.
const brokersEnv = "ROLLCALL_TEST_BROKERS"

var shared struct {
	once    sync.Once
	cluster *kfake.Cluster
	err     error
}

// testBrokers is the outside Kafka, or one kfake that all tests share.
func testBrokers(t testing.TB) []string {
	t.Helper()
	if list := os.Getenv(brokersEnv); list != "" {
		return strings.Split(list, ",")
	}
	shared.once.Do(func() {
		shared.cluster, shared.err = kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster.ListenAddrs()
}

func stopSharedBroker() {
	if shared.cluster != nil {
		shared.cluster.Close()
	}
}

// embedded is a kfake of the test's own.
func embedded(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func testClient(t testing.TB, brokers []string) *Client {
	t.Helper()
	c, err := Open(Config{Brokers: brokers, ClientID: "bus-test", Logger: testLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func testLogger() *slog.Logger {
	if testing.Verbose() {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	return slog.New(slog.DiscardHandler)
}

var topicCount atomic.Int64

// newTopic creates a topic of a name that was never used before.
func newTopic(t testing.TB, c *Client, partitions int, configs ...string) string {
	t.Helper()
	name := uniqueName("bus-test")
	topic := Topic{Name: name, Partitions: partitions}
	for _, kv := range configs {
		k, v, _ := strings.Cut(kv, "=")
		if topic.Configs == nil {
			topic.Configs = make(map[string]string)
		}
		topic.Configs[k] = v
	}
	if err := c.EnsureTopics(within(t, 20*time.Second), true, topic); err != nil {
		t.Fatal(err)
	}
	return name
}

func uniqueName(prefix string) string {
	return fmt.Sprintf("%s-%x-%d", prefix, time.Now().UnixNano(), topicCount.Add(1))
}

// within is the test's context with a deadline.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func testProducer(t testing.TB, c *Client, cfg ProducerConfig) *Producer {
	t.Helper()
	p := c.NewProducer(cfg)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// readAll reads a partition from its start to the end it has at the call.
func readAll(t testing.TB, c *Client, topic string, partition int32) []Record {
	t.Helper()
	ctx := within(t, 20*time.Second)
	_, end, err := c.Offsets(ctx, topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	r := c.NewReader(ReaderConfig{Topic: topic, Partition: partition, Start: FirstOffset, MaxWait: 50 * time.Millisecond})
	var out []Record
	for r.Position() < end {
		b, err := r.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Records...)
	}
	return out
}

// eventually retries until check is satisfied.
func eventually(t testing.TB, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if check() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func values(recs []Record) []string {
	out := make([]string, len(recs))
	for i, r := range recs {
		out[i] = string(r.Value)
	}
	return out
}
