package bus

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/bench/rig"
	"rollcall.dev/events/bus"
)

// BenchmarkConsume reads one partition that was filled before.
func BenchmarkConsume(b *testing.B) {
	k := rig.StartKafka(b)
	b.Run("rollcall Reader", func(b *testing.B) {
		topic := filled(b, k)
		r := open(b, k).NewReader(bus.ReaderConfig{Topic: topic, Partition: 0, Start: bus.FirstOffset})
		b.ResetTimer()
		cpu := rig.StartCPU(k)
		for got := 0; got < b.N; {
			batch, err := r.Next(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			got += len(batch.Records)
		}
		cpu.Report(b, b.N)
	})
	b.Run("rollcall Watermill Subscriber", func(b *testing.B) {
		topic := filled(b, k)
		sub := bus.NewSubscriber(open(b, k), bus.SubscriberConfig{Window: 4096})
		b.Cleanup(func() { _ = sub.Close() })
		b.ResetTimer()
		cpu := rig.StartCPU(k)
		messages, err := sub.Subscribe(b.Context(), topic)
		if err != nil {
			b.Fatal(err)
		}
		for range b.N {
			(<-messages).Ack()
		}
		cpu.Report(b, b.N)
	})
	b.Run("kafka.Reader", func(b *testing.B) {
		topic := filled(b, k)
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: k.Brokers, Topic: topic, Partition: 0,
			MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 500 * time.Millisecond, QueueCapacity: 4096})
		b.Cleanup(func() { _ = r.Close() })
		b.ResetTimer()
		cpu := rig.StartCPU(k)
		for range b.N {
			if _, err := r.ReadMessage(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		cpu.Report(b, b.N)
	})
}

// filled is a topic of one partition with b.N records.
func filled(b *testing.B, k *rig.Kafka) string {
	b.Helper()
	topic := k.Topic(b, 1)
	p := open(b, k).NewProducer(bus.ProducerConfig{})
	for range b.N {
		if err := p.Publish(b.Context(), bus.Record{Topic: topic, Partition: 0, Key: keys[0], Value: value}, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	return topic
}
