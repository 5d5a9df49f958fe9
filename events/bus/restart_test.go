package bus

import (
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kfake"
)

// A Watermill publisher and subscriber over two kills of the broker, as in the
// suite's TestReconnect (norace_test.go), which has a data race of its own and
// so can't run under the detector.
func TestEmbeddedWatermillReconnect(t *testing.T) {
	broker := startChildBroker(t)
	c := testClient(t, []string{broker.addr()})
	pub, sub := suitePubSub(t, c, "reconnect")
	topic := uniqueName("reconnect")
	messages, err := sub.Subscribe(within(t, 60*time.Second), topic)
	must(t, err)
	const n, publishers = 4_000, 50
	todo := make(chan int)
	var publishing sync.WaitGroup
	for range publishers {
		publishing.Go(func() {
			for i := range todo {
				if err := pub.Publish(topic, message.NewMessage(fmt.Sprint(i), nil)); err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
		})
	}
	publishing.Go(func() {
		defer close(todo)
		for i := range n {
			if i == n/3 || i == n/2 {
				broker.kill()
				broker.start()
			}
			todo <- i
		}
	})
	seen := make(map[string]bool)
	for msg := range messages {
		seen[msg.UUID] = true
		msg.Ack()
		if len(seen) == n {
			break
		}
	}
	publishing.Wait()
	if len(seen) != n {
		t.Errorf("received %d of %d", len(seen), n)
	}
}

// A publisher and a reader ride out restarts of the broker: what is acknowledged
// is in the log, in order, and read in order; and exactly once if the broker
// keeps its producers' sequences, which Apache Kafka does in any case and kfake
// only when it is stopped cleanly.
func TestEmbeddedBrokerRestarts(t *testing.T) {
	t.Run("stopped", func(t *testing.T) { testBrokerRestarts(t, (*childBroker).stop, false) })
	t.Run("killed", func(t *testing.T) { testBrokerRestarts(t, (*childBroker).kill, true) })
}

func testBrokerRestarts(t *testing.T, end func(*childBroker), repeats bool) {
	broker := startChildBroker(t)
	c := testClient(t, []string{broker.addr()})
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	ctx := within(t, 60*time.Second)
	const n = 3_000

	seen := make(chan int, n)
	go func() {
		defer close(seen)
		r := c.NewReader(ReaderConfig{Topic: topic, Start: FirstOffset, MaxWait: 100 * time.Millisecond})
		for got := 0; got < n; {
			b, err := r.Next(ctx)
			if err != nil {
				t.Errorf("reader: %v", err)
				return
			}
			for _, rec := range b.Records {
				value, err := strconv.Atoi(string(rec.Value))
				if repeats && value < got {
					continue
				}
				if err != nil || value != got {
					t.Errorf("offset %d holds %s, want %d", rec.Offset, rec.Value, got)
					return
				}
				got++
				seen <- got
			}
		}
	}()
	var acked sync.WaitGroup
	for i := range n {
		acked.Add(1)
		must(t, p.Publish(ctx, Record{Topic: topic, Value: fmt.Appendf(nil, "%d", i)}, func(r Result) {
			defer acked.Done()
			if r.Err != nil {
				t.Errorf("record %d: %v", i, r.Err)
			}
		}))
		switch i {
		case n / 3, 2 * n / 3:
			end(broker)
			broker.start()
		default:
			if i%100 == 0 {
				acked.Wait()
			}
		}
	}
	acked.Wait()
	last := 0
	for got := range seen {
		last = got
	}
	if last != n {
		t.Errorf("reader saw %d of %d", last, n)
	}
}

// A moved leader and a lost broker cost less than a request timeout.
func TestEmbeddedLeaderMoves(t *testing.T) {
	cluster := embedded(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	p := testProducer(t, c, ProducerConfig{})
	ctx := within(t, 30*time.Second)
	count := 0
	publish := func() {
		t.Helper()
		began := time.Now()
		if _, err := p.PublishWait(ctx, Record{Topic: "t", Value: fmt.Appendf(nil, "%d", count)}); err != nil {
			t.Fatal(err)
		}
		count++
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("publish took %v", took)
		}
	}
	publish()
	for range 5 {
		leader := cluster.LeaderFor("t", 0)
		must(t, cluster.MoveTopicPartition("t", 0, (leader+1)%3))
		publish()
	}
	must(t, cluster.RemoveNode(cluster.LeaderFor("t", 0)))
	publish()
	publish()
	got := readAll(t, c, "t", 0)
	if len(got) != count {
		t.Fatalf("log has %d records, want %d", len(got), count)
	}
	for i, r := range got {
		if string(r.Value) != fmt.Sprint(i) {
			t.Errorf("offset %d holds %s", i, r.Value)
		}
	}
}
