package chaos

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/test/oracle"
)

// publicLog is session.lifecycle and channel.events as a plain consumer reads
// them, past the proxies.
type publicLog struct {
	rec     *recorder
	prefix  string
	client  *kafka.Client
	reading sync.WaitGroup
	stop    context.CancelFunc

	mu      sync.Mutex
	records []oracle.Record
	next    map[lane]int64
	wrong   []string
}

type lane struct {
	topic     string
	partition int
}

// follow reads the topics, which must be there, until close.
func follow(ctx context.Context, rec *recorder, brokers []string, prefix string, topics ...string) (*publicLog, error) {
	l := &publicLog{rec: rec, prefix: prefix, client: &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 10 * time.Second}, next: map[lane]int64{}}
	meta, err := l.client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, fmt.Errorf("partitions of the public log: %w", err)
	}
	reading, stop := context.WithCancel(context.Background())
	l.stop = stop
	for _, t := range meta.Topics {
		if t.Error != nil || len(t.Partitions) == 0 {
			stop()
			return nil, fmt.Errorf("topic %s has %d partitions: %w", t.Name, len(t.Partitions), t.Error)
		}
		for _, p := range t.Partitions {
			r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: t.Name, Partition: p.ID, MinBytes: 1, MaxBytes: 4 << 20,
				MaxWait: 250 * time.Millisecond, ReadBackoffMin: 10 * time.Millisecond, ReadBackoffMax: 100 * time.Millisecond})
			at := lane{t.Name, p.ID}
			l.next[at] = 0
			l.reading.Go(func() {
				l.read(reading, r, at)
				_ = r.Close()
			})
		}
	}
	return l, nil
}

func (l *publicLog) read(ctx context.Context, r *kafka.Reader, at lane) {
	for {
		m, err := r.ReadMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // the reader waits before it tries again
		}
		l.mu.Lock()
		if m.Offset != l.next[at] {
			l.wrong = append(l.wrong, fmt.Sprintf("%s/%d went from offset %d to %d: Kafka has lost records, or the reader", at.topic, at.partition, l.next[at]-1, m.Offset))
		}
		l.next[at] = m.Offset + 1
		l.records = append(l.records, oracle.Record{At: l.rec.now(), Topic: m.Topic[len(l.prefix):], Partition: int32(m.Partition), Offset: m.Offset, Value: m.Value})
		l.mu.Unlock()
	}
}

// catchUp waits until all that was in the log when it is called has been read.
func (l *publicLog) catchUp(ctx context.Context) error {
	request := &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{}}
	for at := range l.next {
		request.Topics[at.topic] = append(request.Topics[at.topic], kafka.LastOffsetOf(at.partition))
	}
	ends, err := l.client.ListOffsets(ctx, request)
	if err != nil {
		return fmt.Errorf("ends of the public log: %w", err)
	}
	for topic, list := range ends.Topics {
		for _, end := range list {
			if end.Error != nil {
				return fmt.Errorf("end of %s/%d: %w", topic, end.Partition, end.Error)
			}
			for !l.has(lane{topic, end.Partition}, end.LastOffset) {
				select {
				case <-ctx.Done():
					return fmt.Errorf("%s/%d isn't read up to %d: %w", topic, end.Partition, end.LastOffset, ctx.Err())
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
	}
	return nil
}

func (l *publicLog) has(at lane, end int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next[at] >= end
}

// close ends the reading and returns what was read, and what can't be.
func (l *publicLog) close() (records []oracle.Record, wrong []string) {
	l.stop()
	l.reading.Wait()
	return l.records, l.wrong
}
