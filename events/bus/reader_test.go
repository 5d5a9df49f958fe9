package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestReaderStarts(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	publishN(t, p, topic, 0, 0, 3)
	for start, want := range map[int64][]string{FirstOffset: {"0", "1", "2", "3"}, 0: {"0", "1", "2", "3"}, 2: {"2", "3"}, LastOffset: {"3"}} {
		r := c.NewReader(ReaderConfig{Topic: topic, Start: start, MaxWait: 20 * time.Millisecond})
		var got []string
		first := true
		for len(got) < len(want) {
			b, err := r.Next(within(t, 10*time.Second))
			must(t, err)
			got = append(got, values(b.Records)...)
			if first && len(want) == 1 { // at the end: an empty batch says where that is
				if b.HighWatermark != b.Next || len(b.Records) > 0 {
					t.Fatalf("start %d: first batch %+v", start, b)
				}
			}
			if first && start == LastOffset {
				publishN(t, p, topic, 0, 3, 4)
			}
			first = false
			if start != LastOffset && b.Next == 3 {
				want = want[:len(want)-1] // record 3 isn't there yet
				break
			}
		}
		if !slices.Equal(got, want) && !slices.Equal(got, append(want, "3")) {
			t.Errorf("start %d: got %v, want %v", start, got, want)
		}
	}
}

// A reader that waits gets a new record at once, not after MaxWait.
func TestReaderLongPoll(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	r := c.NewReader(ReaderConfig{Topic: topic, Start: FirstOffset, MaxWait: 15 * time.Second})
	got := make(chan error, 1)
	go func() {
		b, err := r.Next(within(t, 10*time.Second))
		if err == nil && len(b.Records) != 1 {
			err = fmt.Errorf("batch %+v", b)
		}
		got <- err
	}()
	publishN(t, p, topic, 0, 0, 1)
	must(t, <-got)

	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { _, err := r.Next(ctx); got <- err }()
	cancel(ErrClaimEnded)
	select {
	case err := <-got:
		if !errors.Is(err, ErrClaimEnded) {
			t.Errorf("cancelled read: %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("a cancelled read goes on")
	}
}

func TestEmbeddedReaderOfCompactedTopic(t *testing.T) {
	cluster := embedded(t)
	c := testClient(t, cluster.ListenAddrs())
	topic := newTopic(t, c, 1, "cleanup.policy=compact", "min.cleanable.dirty.ratio=0", "segment.bytes=1000", "delete.retention.ms=0", "min.compaction.lag.ms=0")
	p := testProducer(t, c, ProducerConfig{})
	ctx := within(t, 20*time.Second)
	want := map[string]string{}
	for i := range 300 {
		k, v := fmt.Sprint("key-", i%5), fmt.Sprint(i)
		rec := Record{Topic: topic, Key: []byte(k), Value: []byte(v)}
		want[k] = v
		if i%5 == 4 {
			rec.Value = nil
			delete(want, k)
		}
		if _, err := p.PublishWait(ctx, rec); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Compact()
	r := c.NewReader(ReaderConfig{Topic: topic, Start: FirstOffset, MaxWait: 20 * time.Millisecond})
	got := map[string]string{}
	read := 0
	for end := int64(-1); end < 0 || r.Position() < end; {
		b, err := r.Next(ctx)
		must(t, err)
		end = b.HighWatermark
		for _, rec := range b.Records {
			read++
			if rec.Value == nil {
				delete(got, string(rec.Key))
			} else {
				got[string(rec.Key)] = string(rec.Value)
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("state %v, want %v", got, want)
	}
	if read >= 300 {
		t.Errorf("nothing was compacted: the test shows nothing")
	}
}

func TestReaderOffsetRange(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	publishN(t, p, topic, 0, 0, 10)
	r := c.NewReader(ReaderConfig{Topic: topic, Start: 50, MaxWait: 20 * time.Millisecond})
	_, err := r.Next(within(t, 20*time.Second))
	if rng, ok := errors.AsType[*OffsetRangeError](err); !ok || rng.Offset != 50 || rng.First != 0 || rng.Next != 10 {
		t.Fatalf("above the log: %v", err)
	}
	deleteRecords(t, topic, 4)
	r = c.NewReader(ReaderConfig{Topic: topic, Start: 2, MaxWait: 20 * time.Millisecond})
	_, err = r.Next(within(t, 20*time.Second))
	if rng, ok := errors.AsType[*OffsetRangeError](err); !ok || rng.Offset != 2 || rng.First != 4 {
		t.Fatalf("below the log: %v", err)
	}
	if first, next, err := c.Offsets(within(t, 10*time.Second), topic, 0); err != nil || first != 4 || next != 10 {
		t.Errorf("offsets %d, %d, %v", first, next, err)
	}
	if got := readAll(t, c, topic, 0); len(got) != 6 || got[0].Offset != 4 {
		t.Errorf("read %d records from %d", len(got), got[0].Offset)
	}
}

// deleteRecords moves a log's start, as retention does.
func deleteRecords(t *testing.T, topic string, before int64) {
	t.Helper()
	if shared.cluster != nil {
		must(t, shared.cluster.DeleteRecords(topic, 0, before))
		return
	}
	cl := kgoClient(t)
	adm := kgoDeleteRecords(topic, before)
	if _, err := adm.RequestWith(within(t, 10*time.Second), cl); err != nil {
		t.Fatal(err)
	}
}

func kgoClient(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(testBrokers(t)...))...)
	must(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// Foreign transactions leave control records: they take offsets, and are never
// handed out.
func TestReaderSkipsControlRecords(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	ctx := within(t, 30*time.Second)
	cl := kgoClient(t, kgo.TransactionalID(uniqueName("tx")), kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 3 {
		must(t, cl.BeginTransaction())
		must(t, cl.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr())
		must(t, cl.EndTransaction(ctx, kgo.TryCommit))
	}
	got := readAll(t, c, topic, 0)
	if !slices.Equal(values(got), []string{"0", "1", "2"}) || got[2].Offset != 4 {
		t.Errorf("read %v", got)
	}
	if _, next, err := c.Offsets(ctx, topic, 0); err != nil || next != 6 {
		t.Errorf("log end %d, %v: three records and three markers", next, err)
	}
}

func TestEmbeddedReaderOfMissingTopic(t *testing.T) {
	w := missingWatch{}
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	gone := error(nil)
	unknown := c.NewReader(ReaderConfig{Topic: "nobody-made-it", Start: FirstOffset})
	_, err := unknown.once(within(t, 5*time.Second))
	if gone = w.missing(t.Context(), c, "nobody-made-it", 0, err); gone != nil {
		t.Fatalf("missing at once: %v (from %v)", gone, err)
	}
	w.since = w.since.Add(-missingTopicPatience)
	gone = w.missing(t.Context(), c, "nobody-made-it", 0, err)
	if missing, ok := errors.AsType[*MissingTopicError](gone); !ok || missing.Topic != "nobody-made-it" {
		t.Errorf("after the patience: %v (from %v)", gone, err)
	}
	if gone := w.missing(t.Context(), c, "t", 0, err); gone != nil || !w.since.IsZero() {
		t.Errorf("a topic that exists is missing: %v", gone)
	}
}
