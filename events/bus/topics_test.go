package bus

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEnsureTopics(t *testing.T) {
	c := testClient(t, testBrokers(t))
	ctx := within(t, 20*time.Second)
	name := uniqueName("ensure")
	a, b := Topic{Name: name + "-a", Partitions: 3}, Topic{Name: name + "-b", Partitions: 1, Configs: map[string]string{"cleanup.policy": "compact"}}
	if missing, ok := errors.AsType[*MissingTopicError](c.EnsureTopics(ctx, false, a)); !ok || missing.Topic != a.Name {
		t.Fatalf("not created: %v", missing)
	}
	must(t, c.EnsureTopics(ctx, true, a, b))
	must(t, c.EnsureTopics(ctx, true, a, b)) // both exist
	must(t, c.EnsureTopics(ctx, false, a, b))
	if n, err := c.Partitions(ctx, a.Name); err != nil || n != 3 {
		t.Errorf("partitions %d, %v", n, err)
	}
	a.Partitions = 5
	count, ok := errors.AsType[*PartitionCountError](c.EnsureTopics(ctx, true, b, a))
	if !ok || count.Want != 5 || count.Have != 3 || !strings.Contains(count.Error(), "partition count to 3") {
		t.Errorf("another count: %v", count)
	}
}

// Two services create the same topics at once.
func TestEnsureTopicsConcurrently(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := Topic{Name: uniqueName("race"), Partitions: 4}
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- c.EnsureTopics(within(t, 20*time.Second), true, topic) }()
	}
	for range cap(errs) {
		must(t, <-errs)
	}
}

// Services and brokers start in any order.
func TestEmbeddedEnsureTopicsWaits(t *testing.T) {
	cluster := embedded(t)
	c := testClient(t, cluster.ListenAddrs())
	for _, err := range []*kerr.Error{kerr.NotController, kerr.InvalidReplicationFactor} {
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: err, Count: 2})
		must(t, c.EnsureTopics(within(t, 10*time.Second), true, Topic{Name: uniqueName("wait"), Partitions: 1}))
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Err: kerr.PolicyViolation})
	if err := c.EnsureTopics(within(t, 10*time.Second), true, Topic{Name: "refused", Partitions: 1}); !errors.Is(err, kafka.PolicyViolation) {
		t.Errorf("refused creation: %v", err)
	}
}

func TestEmbeddedBrokerAway(t *testing.T) {
	c := testClient(t, []string{"127.0.0.1:1"})
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	if err := c.Ping(ctx); err == nil {
		t.Error("ping of nothing succeeds")
	}
	if err := c.EnsureTopics(ctx, true, Topic{Name: "t", Partitions: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ensure: %v", err)
	}
	if _, err := c.Partitions(ctx, "t"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("partitions: %v", err)
	}
	if _, _, err := c.Offsets(ctx, "t", 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("offsets: %v", err)
	}
	r := c.NewReader(ReaderConfig{Topic: "t", Start: 0})
	if _, err := r.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := c.NewFencedWriter("t", 0, "o").Init(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("init: %v", err)
	}
}

func TestPing(t *testing.T) {
	must(t, testClient(t, testBrokers(t)).Ping(within(t, 10*time.Second)))
}

func TestOpenChecksItsConfig(t *testing.T) {
	for _, brokers := range [][]string{nil, {"no-port"}, {"a:1,b:2"}} {
		if _, err := Open(Config{Brokers: brokers}); err == nil {
			t.Errorf("%q: no error", brokers)
		}
	}
}

func TestBudget(t *testing.T) {
	b := &budget{maxRecords: 2, maxBytes: 100}
	ctx := t.Context()
	must(t, b.acquire(ctx, 500)) // larger than all, but alone
	waiting := make(chan error, 3)
	go func() { waiting <- b.acquire(ctx, 60) }()
	eventually(t, "one waits", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.waiters) == 1 })
	gone, cancel := context.WithCancel(ctx)
	go func() { waiting <- b.acquire(gone, 10) }()
	eventually(t, "two wait", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.waiters) == 2 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Fatalf("abandoned: %v", err)
	}
	b.release(1, 500)
	must(t, <-waiting)
	if b.held() != 1 || b.bytes != 60 {
		t.Fatalf("holds %d records, %d bytes", b.held(), b.bytes)
	}
	must(t, b.acquire(ctx, 40))
	go func() { waiting <- b.acquire(ctx, 1) }()
	eventually(t, "one waits", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.waiters) == 1 })
	b.close()
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := b.acquire(ctx, 1); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

// A broker hears of a new topic after the one that was asked first. Whoever has
// seen it whole doesn't take the other's word that it isn't there.
func TestEmbeddedPartitionsOfATopicThatWasEnsured(t *testing.T) {
	b := embedded(t)
	c := testClient(t, b.ListenAddrs())
	must(t, c.EnsureTopics(within(t, 10*time.Second), true, Topic{Name: "t", Partitions: 3}))
	b.ControlKey(kmsg.Metadata.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		res := req.ResponseKind().(*kmsg.MetadataResponse)
		for _, asked := range req.(*kmsg.MetadataRequest).Topics {
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic, topic.ErrorCode = asked.Topic, kerr.UnknownTopicOrPartition.Code
			res.Topics = append(res.Topics, topic)
		}
		return res, nil, true
	})
	if n, err := c.Partitions(within(t, 10*time.Second), "t"); err != nil || n != 3 {
		t.Errorf("%d partitions, %v", n, err)
	}
}
