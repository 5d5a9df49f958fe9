package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/bench/rig"
	"rollcall.dev/events/bus"
)

// BenchmarkPublish: 256 senders, each of which waits for the acknowledgement
// of its record (acks=all) before it sends the next.
func BenchmarkPublish(b *testing.B) {
	k := rig.StartKafka(b)
	b.Run("rollcall", func(b *testing.B) {
		topic := k.Topic(b, partitions)
		p := producer(b, k, topic)
		b.ResetTimer()
		cpu := rig.StartCPU(k)
		send(b, func(ctx context.Context, i int) error {
			_, err := p.PublishWait(ctx, bus.Record{Topic: topic, Partition: bus.AnyPartition, Key: keys[i%len(keys)], Value: value})
			return err
		})
		cpu.Report(b, b.N)
	})
	b.Run("kafka.Writer", func(b *testing.B) {
		topic := k.Topic(b, partitions)
		w := writer(b, k, topic, time.Millisecond, 0)
		b.ResetTimer()
		cpu := rig.StartCPU(k)
		send(b, func(ctx context.Context, i int) error {
			return w.WriteMessages(ctx, kafka.Message{Key: keys[i%len(keys)], Value: value})
		})
		cpu.Report(b, b.N)
	})
}

// BenchmarkStream: one sender that doesn't wait for each record, as an edge's
// outbox does.
func BenchmarkStream(b *testing.B) {
	k := rig.StartKafka(b)
	topic := k.Topic(b, partitions)
	p := producer(b, k, topic)
	var acked sync.WaitGroup
	var failed atomic.Int64
	acked.Add(b.N)
	done := func(r bus.Result) {
		if r.Err != nil {
			failed.Add(1)
		}
		acked.Done()
	}
	b.ResetTimer()
	cpu := rig.StartCPU(k)
	for i := range b.N {
		rec := bus.Record{Topic: topic, Partition: bus.AnyPartition, Key: keys[i%len(keys)], Value: value}
		if err := p.Publish(b.Context(), rec, done); err != nil {
			b.Fatal(err)
		}
	}
	acked.Wait()
	cpu.Report(b, b.N)
	if n := failed.Load(); n > 0 {
		b.Fatalf("%d records failed", n)
	}
}

// BenchmarkLonePublish: one record at a time, acknowledged.
func BenchmarkLonePublish(b *testing.B) {
	k := rig.StartKafka(b)
	topic := k.Topic(b, partitions)
	p := producer(b, k, topic)
	client := &kafka.Client{Addr: kafka.TCP(k.Brokers...), Timeout: 10 * time.Second}
	fast, slow := writer(b, k, topic, time.Millisecond, 1), writer(b, k, topic, time.Millisecond, 0)
	for _, c := range []struct {
		name string
		send func(ctx context.Context) error
	}{
		{"rollcall", func(ctx context.Context) error {
			_, err := p.PublishWait(ctx, bus.Record{Topic: topic, Partition: 0, Value: value})
			return err
		}},
		{"raw kafka.Client.Produce", func(ctx context.Context) error {
			_, err := client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: 0, RequiredAcks: kafka.RequireAll,
				Records: kafka.NewRecordReader(kafka.Record{Value: kafka.NewBytes(value)})})
			return err
		}},
		{"kafka.Writer, batch of 1", func(ctx context.Context) error { return fast.WriteMessages(ctx, kafka.Message{Value: value}) }},
		{"kafka.Writer, 1 ms", func(ctx context.Context) error { return slow.WriteMessages(ctx, kafka.Message{Value: value}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				begun := time.Now()
				if err := c.send(b.Context()); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begun))
			}
			rig.ReportLatency(b, "", took)
		})
	}
}

// send shares b.N records among the senders.
func send(b *testing.B, one func(ctx context.Context, i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
				if err := one(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func writer(b *testing.B, k *rig.Kafka, topic string, linger time.Duration, size int) *kafka.Writer {
	b.Helper()
	w := &kafka.Writer{Addr: kafka.TCP(k.Brokers...), Topic: topic, RequiredAcks: kafka.RequireAll,
		Balancer: kafka.Murmur2Balancer{Consistent: true}, BatchTimeout: linger, BatchSize: size}
	b.Cleanup(func() { _ = w.Close() })
	for _, key := range keys { // every partition's writer is there
		if err := w.WriteMessages(b.Context(), kafka.Message{Key: key, Value: value}); err != nil {
			b.Fatal(err)
		}
		if size == 1 {
			break
		}
	}
	return w
}
