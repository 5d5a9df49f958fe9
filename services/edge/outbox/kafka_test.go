package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
)

// On a real protocol: many sessions at once, epochs that change in between.
// In each partition every epoch's sequence is 1, 2, 3, …, epochs only grow and
// the events of a user keep their order.
func TestStampsHaveNoHoleInKafka(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const partitions, users, each = 3, 8, 300
	client, err := bus.Open(bus.Config{Brokers: brokertest.Brokers(t), ClientID: "edge-0"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	names := schema.Topics{Prefix: brokertest.Prefix(t)}
	for _, topic := range []string{names.Lifecycle(), names.ChannelEvents()} {
		if err := client.EnsureTopics(ctx, true, bus.Topic{Name: topic, Partitions: partitions}); err != nil {
			t.Fatal(err)
		}
	}
	producer := client.NewProducer(bus.ProducerConfig{})
	defer producer.Close(ctx)
	o := New(Config{Edge: "edge-0", Topics: names, Partitions: partitions, Limit: 1 << 20, Publisher: producer,
		Lost: func(_ int64, err error) { t.Errorf("lost: %v", err) }, Logger: slog.New(slog.DiscardHandler)})
	if err := o.Start(ctx); err != nil {
		t.Fatal(err)
	}
	o.Enter(5)
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			for i := range each {
				o.Add(subscribed(fmt.Sprint("user", u), fmt.Sprint("c", i)))
				if u == 0 && i%100 == 50 {
					o.Enter(int64(5 + i))
				}
			}
		})
	}
	wg.Wait()
	if err := o.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	total := 0
	for p := range int32(partitions) {
		total += checkPartition(t, ctx, client, names.Lifecycle(), p)
	}
	if total != users*each {
		t.Fatalf("%d events of %d", total, users*each)
	}
}

func checkPartition(t *testing.T, ctx context.Context, client *bus.Client, topic string, p int32) (count int) {
	t.Helper()
	var epoch, last int64
	next := map[string]int{}
	reader := client.NewReader(bus.ReaderConfig{Topic: topic, Partition: p, Start: bus.FirstOffset, MaxWait: 50 * time.Millisecond})
	for {
		b, err := reader.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range b.Records {
			ev, data, err := schema.Decode(rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			e := schema.ParseSource(ev.Source).Number
			if e > epoch {
				epoch, last = e, 0
			}
			if last++; e != epoch || ev.Sequence.Offset != last {
				t.Fatalf("partition %d: epoch %d sequence %v after %d:%d", p, e, ev.Sequence, epoch, last-1)
			}
			s := data.(*schema.SessionSubscribed)
			if want := fmt.Sprint("c", next[s.User]); s.Channel != want {
				t.Fatalf("%s: %s, want %s", s.User, s.Channel, want)
			}
			next[s.User]++
			count++
		}
		if b.Next >= b.HighWatermark {
			return count
		}
	}
}
