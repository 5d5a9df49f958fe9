package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
)

// Entry is one record of a topic, decoded where it is an event.
type Entry struct {
	kafka.Message
	Event schema.Event
	Data  any   // nil where it isn't an event of a known type
	Err   error // why
}

// Log is a topic as a plain Kafka consumer sees it, from its beginning.
type Log struct {
	Topic string
	t     testing.TB

	mu      sync.Mutex
	entries []Entry
}

// Follow reads all partitions of a topic until the test ends.
func Follow(t testing.TB, brokers []string, topic string) *Log {
	t.Helper()
	l := &Log{Topic: topic, t: t}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, partition := range partitions(t, brokers, topic) {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: brokers, Topic: topic, Partition: partition,
			MinBytes: 1, MaxBytes: 4 << 20, MaxWait: 250 * time.Millisecond, ReadBackoffMin: 10 * time.Millisecond, ReadBackoffMax: 50 * time.Millisecond})
		wg.Go(func() {
			l.read(ctx, r)
			_ = r.Close()
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l
}

func partitions(t testing.TB, brokers []string, topic string) (ids []int) {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 5 * time.Second}
	retry.Eventually(t, Patience, func() error {
		resp, err := client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		ids = nil
		for _, p := range resp.Topics[0].Partitions {
			ids = append(ids, p.ID)
		}
		if resp.Topics[0].Error != nil || len(ids) == 0 {
			return fmt.Errorf("topic %s has %d partitions: %w", topic, len(ids), resp.Topics[0].Error)
		}
		return nil
	})
	return ids
}

func (l *Log) read(ctx context.Context, r *kafka.Reader) {
	for {
		m, err := r.ReadMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // the reader reconnects with a backoff of its own
		}
		e := Entry{Message: m}
		e.Event, e.Data, e.Err = schema.Decode(m.Value)
		l.mu.Lock()
		l.entries = append(l.entries, e)
		l.mu.Unlock()
	}
}

// Entries are all records so far: of one partition in order.
func (l *Log) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.entries)
}

// Find is the first record so far that is what is looked for.
func (l *Log) Find(is func(Entry) bool) (Entry, bool) {
	entries := l.Entries()
	i := slices.IndexFunc(entries, is)
	if i < 0 {
		return Entry{}, false
	}
	return entries[i], true
}

// Wait waits for a record.
func (l *Log) Wait(what string, is func(Entry) bool) (found Entry) {
	l.t.Helper()
	retry.Eventually(l.t, Patience, func() error {
		var ok bool
		if found, ok = l.Find(is); !ok {
			return fmt.Errorf("no %s among %d records of %s", what, len(l.Entries()), l.Topic)
		}
		return nil
	})
	return found
}

// Distinct counts the records so far that are what is looked for, repeats of
// one event (same source and id) as one.
func (l *Log) Distinct(is func(Entry) bool) int {
	seen := map[string]bool{}
	for _, e := range l.Entries() {
		if is(e) {
			seen[e.Event.Source+" "+e.Event.ID] = true
		}
	}
	return len(seen)
}

// Of finds events by the type of their data.
func Of[T any](l *Log, what string, is func(*T) bool) (Entry, *T) {
	l.t.Helper()
	e := l.Wait(what, func(e Entry) bool {
		data, ok := e.Data.(*T)
		return ok && is(data)
	})
	return e, e.Data.(*T)
}

// Partition is the one that a key is on, as the Java client chooses it.
func Partition(key string, count int) int {
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: []byte(key)}, all...)
}

// Throw writes one record with a plain Kafka client.
func Throw(t testing.TB, brokers []string, topic string, partition int, key, value string) int64 {
	t.Helper()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 10 * time.Second}
	resp, err := client.Produce(context.Background(), &kafka.ProduceRequest{Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes([]byte(value))})})
	if err = errors.Join(err, errOf(resp)); err != nil {
		t.Fatalf("write to %s/%d: %v", topic, partition, err)
	}
	return resp.BaseOffset
}

func errOf(resp *kafka.ProduceResponse) error {
	if resp == nil {
		return nil
	}
	return resp.Error
}
