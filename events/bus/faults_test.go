package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceFault makes the next count produce requests end with err.
func produceFault(cluster *kfake.Cluster, err *kerr.Error, count int) *kfake.FaultHandle {
	return cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: err, Count: count})
}

// Every produce error has its stated end (verdict.go): after it the log holds
// what was acknowledged, once, in order, and the partition goes on.
func TestEmbeddedProduceErrors(t *testing.T) {
	refused := func(code kafka.Error) func(error) bool {
		return func(err error) bool { return errors.Is(err, code) }
	}
	for _, c := range []struct {
		err   *kerr.Error
		times int
		ends  func(error) bool // nil: the record goes through
	}{
		{kerr.NotLeaderForPartition, 3, nil},
		{kerr.LeaderNotAvailable, 3, nil},
		{kerr.NotEnoughReplicas, 3, nil},
		{kerr.NotEnoughReplicasAfterAppend, 2, nil},
		{kerr.KafkaStorageError, 2, nil},
		{kerr.UnknownServerError, 2, nil},
		{kerr.RequestTimedOut, 2, nil}, // kfake appends all the same: the repeat must be dropped
		{kerr.UnknownTopicOrPartition, 2, nil},
		{kerr.CorruptMessage, corruptRetries, nil},
		{kerr.OutOfOrderSequenceNumber, 1, nil},
		{kerr.UnknownProducerID, 1, nil},
		{kerr.InvalidProducerEpoch, 1, nil},
		{kerr.InvalidProducerIDMapping, 1, nil},
		{kerr.CorruptMessage, corruptRetries + 1, refused(kafka.InvalidMessage)},
		{kerr.MessageTooLarge, 1, refused(ErrRecordTooLargeCode)},
		{kerr.TopicAuthorizationFailed, 1, refused(kafka.TopicAuthorizationFailed)},
		{kerr.InvalidRecord, 1, refused(kafka.InvalidRecord)},
		{kerr.PolicyViolation, 1, refused(kafka.PolicyViolation)},
		{kerr.InvalidTxnState, 1, refused(kafka.InvalidTransactionState)},
	} {
		t.Run(fmt.Sprintf("%s x%d", c.err.Message, c.times), func(t *testing.T) {
			cluster := embedded(t, kfake.SeedTopics(1, "t"))
			cl := testClient(t, cluster.ListenAddrs())
			p := testProducer(t, cl, ProducerConfig{})
			ctx := within(t, 20*time.Second)
			publish := func(v string) error {
				_, err := p.PublishWait(ctx, Record{Topic: "t", Value: []byte(v)})
				return err
			}
			must(t, publish("before"))
			fault := produceFault(cluster, c.err, c.times)
			err := publish("during")
			if (c.ends == nil) != (err == nil) || c.ends != nil && !c.ends(err) {
				t.Fatalf("ended with %v", err)
			}
			if fault.Hits() < c.times {
				t.Fatalf("fault was hit %d times", fault.Hits())
			}
			must(t, publish("after"))
			want := []string{"before", "during", "after"}
			if c.ends != nil {
				want = []string{"before", "after"}
			}
			if got := values(readAll(t, cl, "t", 0)); !slices.Equal(got, want) {
				t.Errorf("log %v, want %v", got, want)
			}
		})
	}
}

// ErrRecordTooLargeCode is what a single record over the topic's limit carries.
const ErrRecordTooLargeCode = kafka.MessageSizeTooLarge

// A duplicate whose offset the broker has forgotten is a success.
func TestEmbeddedDuplicateIsSuccess(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	p := testProducer(t, c, ProducerConfig{})
	produceFault(cluster, kerr.DuplicateSequenceNumber, 1)
	res, err := p.PublishWait(within(t, 10*time.Second), Record{Topic: "t"})
	if err != nil || res[0].Offset != -1 {
		t.Errorf("%+v, %v; want offset -1", res, err)
	}
}

// A topic that takes smaller batches than ours gets smaller ones.
func TestBatchesAreSplit(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1, "max.message.bytes=3000")
	p := testProducer(t, c, ProducerConfig{})
	ctx := within(t, 30*time.Second)
	recs := make([]Record, 200)
	var want []string
	for i := range recs {
		v := fmt.Sprintf("%0100d", i)
		recs[i] = Record{Topic: topic, Value: []byte(v)}
		want = append(want, v)
	}
	res, err := p.PublishWait(ctx, recs...)
	must(t, err)
	for i, r := range res {
		if r.Offset != int64(i) {
			t.Fatalf("record %d got offset %d", i, r.Offset)
		}
	}
	_, err = p.PublishWait(ctx, Record{Topic: topic, Value: make([]byte, 5000)})
	if !errors.Is(err, ErrRecordTooLarge) {
		t.Errorf("too large a record: %v", err)
	}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, want) {
		t.Errorf("log has %d records, want %d in order", len(got), len(want))
	}
}

func TestEmbeddedFencedWriterErrors(t *testing.T) {
	for _, c := range []struct {
		err  *kerr.Error
		want error
	}{
		{kerr.NotLeaderForPartition, nil},
		{kerr.RequestTimedOut, nil},
		{kerr.DuplicateSequenceNumber, nil},
		{kerr.InvalidProducerEpoch, ErrFenced},
		{kerr.ProducerFenced, ErrFenced},
		{kerr.OutOfOrderSequenceNumber, ErrUnknownOutcome},
		{kerr.TopicAuthorizationFailed, kafka.TopicAuthorizationFailed},
		{kerr.MessageTooLarge, ErrBatchTooLarge},
	} {
		t.Run(c.err.Message, func(t *testing.T) {
			cluster := embedded(t, kfake.SeedTopics(1, "t"))
			cl := testClient(t, cluster.ListenAddrs())
			ctx := within(t, 10*time.Second)
			w := cl.NewFencedWriter("t", 0, "owner")
			must(t, w.Init(ctx))
			produceFault(cluster, c.err, 1)
			_, err := w.Append(ctx, []Record{{Value: []byte("v")}})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			_, err = w.Append(ctx, []Record{{Value: []byte("w")}})
			goesOn := c.want == nil || errors.Is(c.want, ErrBatchTooLarge)
			if goesOn && err != nil && !errors.Is(err, ErrUnknownOutcome) || !goesOn && !errors.Is(err, ErrNotInitialized) {
				t.Errorf("append after it: %v", err)
			}
		})
	}
}

// InitProducerId is retried while the coordinator loads.
func TestEmbeddedInitWaitsForCoordinator(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	for _, err := range []*kerr.Error{kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions} {
		fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: err, Count: 2})
		w := c.NewFencedWriter("t", 0, "owner")
		if got := w.Init(within(t, 10*time.Second)); got != nil || fault.Hits() != 2 {
			t.Errorf("%s: %v after %d hits", err.Message, got, fault.Hits())
		}
	}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.TransactionalIDAuthorizationFailed})
	if err := c.NewFencedWriter("t", 0, "owner").Init(within(t, 10*time.Second)); !errors.Is(err, kafka.TransactionalIDAuthorizationFailed) {
		t.Errorf("not authorized: %v", err)
	}
}

// With a transactional id the producer can't go on under another: it stops.
func TestTransactionalProducerIsFenced(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	ctx := within(t, 20*time.Second)
	id := uniqueName("owner")
	old := testProducer(t, c, ProducerConfig{TransactionalID: id})
	if _, err := old.PublishWait(ctx, Record{Topic: topic, Value: []byte("old")}); err != nil {
		t.Fatal(err)
	}
	young := testProducer(t, c, ProducerConfig{TransactionalID: id})
	if _, err := young.PublishWait(ctx, Record{Topic: topic, Value: []byte("young")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := old.PublishWait(ctx, Record{Topic: topic, Value: []byte("late")}); !errors.Is(err, ErrFenced) {
			t.Errorf("former producer: %v, want ErrFenced", err)
		}
	}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, []string{"old", "young"}) {
		t.Errorf("log %v", got)
	}
}

// Nothing listens: Publish accepts, waits when full, and Close reports the rest.
func TestEmbeddedCloseWithoutBroker(t *testing.T) {
	c := testClient(t, []string{"127.0.0.1:1"})
	p := c.NewProducer(ProducerConfig{MaxBuffered: 3})
	results := make(chan Result, 3)
	for range 3 {
		must(t, p.Publish(t.Context(), Record{Topic: "t"}, func(r Result) { results <- r }))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Publish(ctx, Record{Topic: "t"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish to a full producer: %v", err)
	}
	if p.Buffered() != 3 || p.Oldest() < 50*time.Millisecond {
		t.Errorf("buffered %d, oldest %v", p.Buffered(), p.Oldest())
	}
	began := time.Now()
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := p.Close(ctx); err == nil {
		t.Error("close lost records silently")
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("close took %v", took)
	}
	for range 3 {
		if r := <-results; !errors.Is(r.Err, ErrClosed) || r.Offset != -1 {
			t.Errorf("result %+v, want ErrClosed", r)
		}
	}
}
