// Package bus measures events/bus beside raw kafka-go.
package bus

import (
	"context"
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
	c, err := bus.Open(bus.Config{Brokers: k.Brokers, ClientID: "bench"})
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

// producer makes a producer that is warm: it knows its partitions.
func producer(b *testing.B, k *rig.Kafka, topic string) *bus.Producer {
	b.Helper()
	p := open(b, k).NewProducer(bus.ProducerConfig{})
	b.Cleanup(func() {
		if err := p.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	for i := range partitions {
		if _, err := p.PublishWait(context.Background(), bus.Record{Topic: topic, Partition: int32(i), Value: value}); err != nil {
			b.Fatal(err)
		}
	}
	return p
}
