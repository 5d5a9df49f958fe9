package leave

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/bench/rig"
)

const hops = 3 // session.lifecycle, channel.events, edge.mailbox

// BenchmarkFloor is what a leave can't be faster than: one record through
// three topics, each hop a produce (acks=all, no linger) and a waiting fetch
// with kafka-go, and nothing else.
func BenchmarkFloor(b *testing.B) {
	k := rig.StartKafka(b)
	client := &kafka.Client{Addr: kafka.TCP(k.Brokers...), Timeout: 20 * time.Second}
	ctx, cancel := context.WithCancel(b.Context())
	var topics [hops]string
	for i := range topics {
		topics[i] = k.Topic(b, 1)
	}
	arrived := make(chan time.Time, 1)
	ended := make(chan struct{}, hops)
	for i := range topics {
		forward := func() error { arrived <- time.Now(); return nil }
		if i+1 < hops {
			forward = func() error { return produce(ctx, client, topics[i+1]) }
		}
		go func() {
			hop(ctx, b, k.Brokers, topics[i], forward)
			ended <- struct{}{}
		}()
	}
	defer func() {
		cancel()
		for range topics {
			<-ended
		}
	}()
	round := func() time.Duration {
		begun := time.Now()
		if err := produce(ctx, client, topics[0]); err != nil {
			b.Fatal(err)
		}
		return wait(b, arrived).Sub(begun)
	}
	for range 20 {
		round() // connections are open after it
	}
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		took = append(took, round())
	}
	rig.ReportLatency(b, "", took)
}

var value = make([]byte, 300)

func produce(ctx context.Context, client *kafka.Client, topic string) error {
	resp, err := client.Produce(ctx, &kafka.ProduceRequest{Topic: topic, Partition: 0, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes([]byte("alice")), Value: kafka.NewBytes(value)})})
	if err != nil {
		return err
	}
	return resp.Error
}

// hop reads a topic and calls forward for each record, until ctx ends.
func hop(ctx context.Context, b *testing.B, brokers []string, topic string, forward func() error) {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: topic, Partition: 0, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 500 * time.Millisecond})
	defer r.Close()
	for {
		_, err := r.ReadMessage(ctx)
		if err == nil {
			err = forward()
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			b.Error(err)
			return
		}
	}
}
