package brokertest_test

import (
	"context"
	"net"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func client(t *testing.T, addrs []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(addrs...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func produce(t *testing.T, b *brokertest.Broker, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := client(t, b.Addrs())
	if err := c.ProduceSync(ctx, &kgo.Record{Topic: "rooms", Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func consume(t *testing.T, b *brokertest.Broker, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c := client(t, b.Addrs(), kgo.ConsumeTopics("rooms"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var values []string
	for len(values) < n {
		fetches := c.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestRestartKeepsPortsAndADurableLog(t *testing.T) {
	b := brokertest.Start(t, brokertest.Durable())
	if err := b.Cluster().CreateTopic("rooms", 1, nil); err != nil {
		t.Fatal(err)
	}
	before := b.Addr()
	produce(t, b, "first")
	b.Restart()
	if b.Addr() != before {
		t.Errorf("address %s after the restart, was %s", b.Addr(), before)
	}
	produce(t, b, "second")
	if got := consume(t, b, 2); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("log after the restart: %v", got)
	}
}

func TestRestartInMemoryBeginsEmpty(t *testing.T) {
	b := brokertest.Start(t)
	if err := b.Cluster().CreateTopic("rooms", 1, nil); err != nil {
		t.Fatal(err)
	}
	b.Stop()
	b.Restart()
	if b.Cluster().TopicInfo("rooms") != nil {
		t.Error("an in-memory topic survived")
	}
}

func TestStopClosesThePort(t *testing.T) {
	b := brokertest.Start(t)
	addr := b.Addr()
	b.Stop()
	b.Stop()
	if b.Addr() != addr || b.Cluster() != nil {
		t.Errorf("stopped: address %s, was %s; cluster %v", b.Addr(), addr, b.Cluster())
	}
	if conn, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		conn.Close()
		t.Error("a stopped broker takes connections")
	}
}

func TestNodes(t *testing.T) {
	b := brokertest.Start(t, brokertest.Nodes(3))
	if n := len(b.Addrs()); n != 3 {
		t.Errorf("%d addresses, want 3", n)
	}
}

// A reader's metadata request asks for creation (kafka-go always does): it must
// not make topics with a wrong number of partitions.
func TestNoTopicIsCreatedByAsking(t *testing.T) {
	b := brokertest.Start(t)
	c := client(t, b.Addrs())
	request := kmsg.NewPtrMetadataRequest()
	request.AllowAutoTopicCreation = true
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = new("typo")
	request.Topics = append(request.Topics, topic)
	if _, err := request.RequestWith(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if b.Cluster().TopicInfo("typo") != nil {
		t.Error("the topic was created")
	}
}

func TestBrokers(t *testing.T) {
	t.Setenv(brokertest.EnvBrokers, "")
	if brokertest.External() {
		t.Error("External without the variable")
	}
	if addrs := brokertest.Brokers(t); len(addrs) != 1 {
		t.Errorf("embedded: %v", addrs)
	}
	t.Setenv(brokertest.EnvBrokers, "k1:9092,k2:9092")
	if addrs := brokertest.Brokers(t); !brokertest.External() || !slices.Equal(addrs, []string{"k1:9092", "k2:9092"}) {
		t.Errorf("outside: %v", addrs)
	}
}

func TestPrefix(t *testing.T) {
	t.Run("odd name/with ümlaut", func(t *testing.T) {
		first := brokertest.Prefix(t)
		second := brokertest.Prefix(t)
		if first == second {
			t.Errorf("twice %s", first)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9-]{1,120}-$`).MatchString(first) {
			t.Errorf("%q is no topic prefix", first)
		}
	})
}
