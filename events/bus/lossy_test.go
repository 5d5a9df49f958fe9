package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

// lossyNet cuts connections after a produce request was sent and before its
// answer is read: the writer doesn't know whether it was carried out.
type lossyNet struct {
	cut atomic.Int32 // how many more answers to lose
	hit atomic.Int32
	// lost, if set before the client is used, is called after each loss.
	lost func()
}

func (n *lossyNet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: conn, net: n}, nil
}

type lossyConn struct {
	net.Conn
	net  *lossyNet
	lose bool
}

func (c *lossyConn) Write(b []byte) (int, error) {
	if len(b) > 6 && binary.BigEndian.Uint16(b[4:]) == 0 { // produce
		for left := c.net.cut.Load(); left > 0; left = c.net.cut.Load() {
			if c.net.cut.CompareAndSwap(left, left-1) {
				c.lose = true
				break
			}
		}
	}
	return c.Conn.Write(b)
}

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b) // the broker has carried it out once it answers
	if c.lose {
		c.net.hit.Add(1)
		if c.net.lost != nil {
			c.net.lost()
		}
		_ = c.Close()
		return 0, errors.New("connection cut by the test")
	}
	return n, err
}

func lossyClient(t *testing.T) (*Client, *lossyNet) {
	t.Helper()
	lossy := &lossyNet{}
	c, err := Open(Config{Brokers: testBrokers(t), Dial: lossy.dial, Logger: testLogger()})
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, lossy
}

func TestLostAnswersMakeNoDuplicates(t *testing.T) {
	c, lossy := lossyClient(t)
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	var want []string
	for i := range 30 {
		if i%3 == 0 {
			lossy.cut.Store(int32(i%2) + 1)
		}
		want = append(want, fmt.Sprint(i))
		res, err := p.PublishWait(within(t, 20*time.Second), Record{Topic: topic, Value: []byte(want[i])})
		if err != nil || res[0].Offset != int64(i) {
			t.Fatalf("record %d: %+v, %v", i, res, err)
		}
	}
	if lossy.hit.Load() < 10 {
		t.Fatalf("only %d answers lost", lossy.hit.Load())
	}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}
}

func TestFencedWriterLosesAnswers(t *testing.T) {
	c, lossy := lossyClient(t)
	topic := newTopic(t, c, 1)
	w := c.NewFencedWriter(topic, 0, uniqueName("owner"))
	must(t, w.Init(within(t, 20*time.Second)))
	lossy.cut.Store(3)
	if base, err := w.Append(within(t, 20*time.Second), []Record{{Value: []byte("1")}}); err != nil || base != 0 {
		t.Fatalf("append: offset %d, %v", base, err)
	}
	// No answer at all until ctx ends: unknown, and the claim is over.
	lossy.cut.Store(1 << 20)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := w.Append(ctx, []Record{{Value: []byte("2")}}); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("append without answers: %v", err)
	}
	lossy.cut.Store(0)
	if _, err := w.Append(within(t, time.Second), []Record{{Value: []byte("3")}}); !errors.Is(err, ErrNotInitialized) {
		t.Fatalf("append after an unknown outcome: %v", err)
	}
	must(t, w.Init(within(t, 20*time.Second)))
	appendValue(t, w, "4")
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, []string{"1", "2", "4"}) {
		t.Errorf("log %v: what was written must be there once", got)
	}
}

// A batch that fails for good after an attempt without an answer may be in the
// log: the next batch must not be taken for its repeat.
func TestEmbeddedFailureAfterLostAnswer(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	lossy := &lossyNet{lost: func() { produceFault(cluster, kerr.InvalidRecord, 1) }}
	c, err := Open(Config{Brokers: cluster.ListenAddrs(), Dial: lossy.dial, Logger: testLogger()})
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	p := testProducer(t, c, ProducerConfig{})
	ctx := within(t, 20*time.Second)
	publish := func(v string) error {
		_, err := p.PublishWait(ctx, Record{Topic: "t", Value: []byte(v)})
		return err
	}
	must(t, publish("1"))
	lossy.cut.Store(1)
	if err := publish("2"); !errors.Is(err, kafka.InvalidRecord) {
		t.Fatalf("got %v", err)
	}
	must(t, publish("3"))
	if got := values(readAll(t, c, "t", 0)); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("log %v: an acknowledged record was taken for a repeat", got)
	}
}

func TestSequenceAfterFailure(t *testing.T) {
	q := &partitionQueue{p: &Producer{}, id: producerID{1, 0}, sequence: 5}
	q.afterFailure(&batch{})
	if q.retired {
		t.Error("a clean refusal costs the producer id")
	}
	q.afterFailure(&batch{lent: true})
	if !q.retired {
		t.Error("sequence would be used twice")
	}
}
