package bus

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPublishAndRead(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	at := time.UnixMilli(1_700_000_000_123)
	in := []Record{
		{Topic: topic, Key: []byte("k"), Value: []byte("v"), Headers: []Header{{Key: "h", Value: []byte("1")}, {Key: "n", Value: nil}, {Key: "e", Value: []byte{}}}, Time: at},
		{Topic: topic, Key: []byte("tombstone")},
		{Topic: topic, Value: []byte{}},
		{Topic: topic, Key: []byte{}, Value: bytes.Repeat([]byte("x"), 100_000)},
	}
	res, err := p.PublishWait(within(t, 10*time.Second), in...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.Offset != int64(i) || r.Partition != 0 {
			t.Errorf("result %d: %+v", i, r)
		}
	}
	out := readAll(t, c, topic, 0)
	if len(out) != len(in) {
		t.Fatalf("read %d records, want %d", len(out), len(in))
	}
	for i := range in {
		if !sameRecord(in[i], out[i]) {
			t.Errorf("record %d: got %+v, want %+v", i, out[i], in[i])
		}
	}
	if !out[0].Time.Equal(at) {
		t.Errorf("time %v, want %v", out[0].Time, at)
	}
}

// sameRecord compares what is written, telling nil from empty.
func sameRecord(a, b Record) bool {
	same := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	return same(a.Key, b.Key) && same(a.Value, b.Value) && slices.EqualFunc(a.Headers, b.Headers, func(a, b Header) bool {
		return a.Key == b.Key && same(a.Value, b.Value)
	})
}

func TestPublishKeepsOrderUnderLoad(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 4)
	p := testProducer(t, c, ProducerConfig{MaxBatchBytes: 2_000, MaxBuffered: 100})
	const senders, each = 16, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprintf("key-%d", s)
				var done func(Result)
				if i == each-1 {
					wg.Add(1)
					done = func(r Result) {
						defer wg.Done()
						if r.Err != nil {
							t.Error(r.Err)
						}
					}
				}
				if err := p.Publish(t.Context(), Record{Topic: topic, Partition: AnyPartition, Key: []byte(key), Value: fmt.Appendf(nil, "%d", i)}, done); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := make(map[string]int)
	for part := range int32(4) {
		for _, r := range readAll(t, c, topic, part) {
			if want := Partition(r.Key, 4); want != part {
				t.Fatalf("key %s is in partition %d, want %d", r.Key, part, want)
			}
			if got := string(r.Value); got != fmt.Sprint(next[string(r.Key)]) {
				t.Fatalf("key %s: read %s, want %d", r.Key, got, next[string(r.Key)])
			}
			next[string(r.Key)]++
		}
	}
	for s := range senders {
		if n := next[fmt.Sprintf("key-%d", s)]; n != each {
			t.Errorf("key-%d: %d records, want %d", s, n, each)
		}
	}
	if p.Buffered() != 0 || p.Oldest() != 0 {
		t.Errorf("buffered %d, oldest %v after everything is acknowledged", p.Buffered(), p.Oldest())
	}
}

func TestPublishRefusesWhatNoBatchHolds(t *testing.T) {
	c := testClient(t, testBrokers(t))
	p := testProducer(t, c, ProducerConfig{})
	err := p.Publish(t.Context(), Record{Topic: "any", Value: make([]byte, MaxBatchBytes)}, nil)
	if !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("got %v, want ErrRecordTooLarge", err)
	}
}

func TestPublishToMissingTopic(t *testing.T) {
	c := testClient(t, testBrokers(t))
	p := testProducer(t, c, ProducerConfig{})
	name := uniqueName("missing")
	err := p.Publish(within(t, 5*time.Second), Record{Topic: name, Partition: AnyPartition}, nil)
	if missing, ok := errors.AsType[*MissingTopicError](err); !ok || missing.Topic != name {
		t.Errorf("got %v, want a MissingTopicError", err)
	}
}

func TestCloseFlushes(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	p := c.NewProducer(ProducerConfig{})
	const n = 5_000
	var acked int
	for i := range n {
		if err := p.Publish(t.Context(), Record{Topic: topic, Value: fmt.Appendf(nil, "%d", i)}, func(r Result) {
			if r.Err == nil && r.Offset == int64(acked) {
				acked++
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(within(t, 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	if acked != n {
		t.Errorf("%d of %d acknowledged in order after Close", acked, n)
	}
	if err := p.Publish(t.Context(), Record{Topic: topic}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("publish after close: %v", err)
	}
	if got := len(readAll(t, c, topic, 0)); got != n {
		t.Errorf("log has %d records, want %d", got, n)
	}
}

func TestPartitionAsJava(t *testing.T) {
	// Expected values of Kafka's own UtilsTest.testMurmur2.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
	}
	if strings.Repeat("x", 1) != "x" || Partition(nil, 1) != 0 || Partition([]byte("k"), 0) != 0 {
		t.Error("one partition has one number")
	}
}
