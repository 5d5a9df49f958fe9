// Package bus measures events/bus beside raw kafka-go.
package bus

import (
	"context"
	"log/slog"
	"strconv"
	"testing"

	"rollcall.dev/bench/rig"
	"rollcall.dev/events/bus"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	partitions = 16
	senders    = 256
	valueSize  = 256
)

var value = make([]byte, valueSize)

var keys = func() (keys [1024][]byte) {
	for i := range keys {
		keys[i] = []byte("user-" + strconv.Itoa(i))
	}
	return keys
}()

func open(b *testing.B, k *rig.Kafka) *bus.Client {
	b.Helper()
	c, err := bus.Open(bus.Config{Brokers: k.Brokers, ClientID: "bench", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
	})
	return c
}

// producer makes a producer that is warm: it knows the topic, whose metadata
// may be a second old, and its partitions.
func producer(b *testing.B, k *rig.Kafka, topic string) *bus.Producer {
	b.Helper()
	p := open(b, k).NewProducer(bus.ProducerConfig{})
	b.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	for _, key := range keys {
		if _, err := p.PublishWait(context.Background(), bus.Record{Topic: topic, Partition: bus.AnyPartition, Key: key, Value: value}); err != nil {
			b.Fatal(err)
		}
	}
	return p
}
