package bus

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// The bench module compares these with their floors; here they are kept from
// rotting, and show allocations.

func BenchmarkPublishLone(b *testing.B) {
	c := testClient(b, testBrokers(b))
	p := testProducer(b, c, ProducerConfig{})
	rec := Record{Topic: newTopic(b, c, 1), Key: []byte("user-1234"), Value: bytes.Repeat([]byte("x"), 300)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.PublishWait(context.Background(), rec); err != nil {
			b.Fatal(err)
		}
	}
}

const benchSenders = 256

func BenchmarkPublish256Senders(b *testing.B) {
	c := testClient(b, testBrokers(b))
	p := testProducer(b, c, ProducerConfig{})
	rec := Record{Topic: newTopic(b, c, 16), Partition: AnyPartition, Value: bytes.Repeat([]byte("x"), 300)}
	b.ReportAllocs()
	b.ResetTimer()
	eachSender(b, func() error {
		_, err := p.PublishWait(context.Background(), rec)
		return err
	})
}

// The floor: kafka-go's own writer.
func BenchmarkWriter256Senders(b *testing.B) {
	c := testClient(b, testBrokers(b))
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(testBrokers(b)...), Topic: newTopic(b, c, 16), RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, BatchSize: 1000, Transport: transport,
	}
	defer w.Close()
	value := bytes.Repeat([]byte("x"), 300)
	b.ReportAllocs()
	b.ResetTimer()
	eachSender(b, func() error { return w.WriteMessages(context.Background(), kafka.Message{Value: value}) })
}

// eachSender shares b.N calls among the senders.
func eachSender(b *testing.B, call func() error) {
	b.Helper()
	var wg sync.WaitGroup
	todo := make(chan struct{}, benchSenders)
	for range benchSenders {
		wg.Go(func() {
			for range todo {
				if err := call(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		todo <- struct{}{}
	}
	close(todo)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func BenchmarkPublishAsync(b *testing.B) {
	c := testClient(b, testBrokers(b))
	p := testProducer(b, c, ProducerConfig{})
	rec := Record{Topic: newTopic(b, c, 16), Partition: AnyPartition, Value: bytes.Repeat([]byte("x"), 300)}
	var acked sync.WaitGroup
	done := func(Result) { acked.Done() }
	b.ReportAllocs()
	for b.Loop() {
		acked.Add(1)
		if err := p.Publish(context.Background(), rec, done); err != nil {
			b.Fatal(err)
		}
	}
	acked.Wait()
}

func fillTopic(b *testing.B, c *Client, n int) string {
	b.Helper()
	topic := newTopic(b, c, 1)
	p := testProducer(b, c, ProducerConfig{})
	rec := Record{Topic: topic, Key: []byte("user-1234"), Value: bytes.Repeat([]byte("x"), 300)}
	for range n {
		if err := p.Publish(context.Background(), rec, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	return topic
}

func BenchmarkRead(b *testing.B) {
	c := testClient(b, testBrokers(b))
	r := c.NewReader(ReaderConfig{Topic: fillTopic(b, c, b.N), Start: FirstOffset})
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		batch, err := r.Next(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		left -= len(batch.Records)
	}
}

// The floor: kafka-go's own fetch.
func BenchmarkKafkaGoFetch(b *testing.B) {
	c := testClient(b, testBrokers(b))
	topic := fillTopic(b, c, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for at := int64(0); at < int64(b.N); {
		res, err := c.api.Fetch(context.Background(), &kafka.FetchRequest{Topic: topic, Offset: at, MinBytes: 1, MaxBytes: 4 << 20})
		if err != nil {
			b.Fatal(err)
		}
		for {
			rec, err := res.Records.ReadRecord()
			if err != nil {
				break
			}
			if rec.Offset >= at {
				at = rec.Offset + 1
			}
			_, _ = kafka.ReadAll(rec.Value)
		}
	}
}
