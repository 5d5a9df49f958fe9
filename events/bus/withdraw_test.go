package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
)

// fates publishes records that are wanted for as long as their flag says, and
// returns what becomes of them.
func fates(t *testing.T, p *Producer, wanted ...*atomic.Bool) []<-chan error {
	t.Helper()
	var all []<-chan error
	for i, w := range wanted {
		end := make(chan error, 1)
		var while func() bool
		if w != nil {
			while = w.Load
		}
		err := p.PublishWhile(within(t, 10*time.Second), Record{Topic: "t", Value: fmt.Append(nil, i)}, while, func(r Result) { end <- r.Err })
		must(t, err)
		all = append(all, end)
	}
	return all
}

func fate(t *testing.T, end <-chan error) error {
	t.Helper()
	select {
	case err := <-end:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("nothing became of the record")
		return nil
	}
}

func flag(v bool) *atomic.Bool {
	b := new(atomic.Bool)
	b.Store(v)
	return b
}

// A leader is away: what is no longer wanted when it is back must not land. A
// leader that has lost its office may have handed on what it refuses, so the
// sequence isn't used again.
func TestEmbeddedWithdrawnDuringAnOutage(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, cluster.ListenAddrs())
	p := testProducer(t, c, ProducerConfig{})
	must(t, fate(t, fates(t, p, nil)[0]))
	before := p.id.id
	fault := produceFault(cluster, kerr.NotLeaderForPartition, 1<<20)
	wanted := flag(true)
	first := fates(t, p, wanted)[0]
	eventually(t, "the fault", func() bool { return fault.Hits() > 0 })
	behind := fates(t, p, flag(false), nil)
	wanted.Store(false)
	if err := fate(t, first); !errors.Is(err, ErrWithdrawn) {
		t.Errorf("withdrawn: %v", err)
	}
	fault.Remove()
	if err := fate(t, behind[0]); !errors.Is(err, ErrWithdrawn) {
		t.Errorf("withdrawn beside one that is wanted: %v", err)
	}
	must(t, fate(t, behind[1]))
	if got := values(readAll(t, c, "t", 0)); !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("log %v", got)
	}
	if p.id.id == before {
		t.Error("a sequence was used again that a refused batch may have")
	}
}

// No connection, no write: the sequence goes on, and what shares the batch with
// the withdrawn goes out.
func TestEmbeddedWithdrawnBeforeAnyConnection(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	var down atomic.Bool
	var dials atomic.Int64
	c, err := Open(Config{Brokers: cluster.ListenAddrs(), Logger: testLogger(), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		dials.Add(1)
		if down.Load() {
			return nil, errors.New("refused by the test")
		}
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}})
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	p := testProducer(t, c, ProducerConfig{})
	must(t, fate(t, fates(t, p, nil)[0]))
	before := p.id.id
	down.Store(true)
	c.transport.CloseIdleConnections()
	a, b := flag(true), flag(true)
	dialed := dials.Load()
	ends := fates(t, p, a, nil, b, nil)
	eventually(t, "attempts", func() bool { return dials.Load() > dialed+2 })
	a.Store(false)
	b.Store(false)
	eventually(t, "the withdrawal", func() bool { return p.Buffered() <= 2 })
	down.Store(false)
	for i, end := range ends {
		if err := fate(t, end); errors.Is(err, ErrWithdrawn) != (i%2 == 0) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if got := values(readAll(t, c, "t", 0)); !slices.Equal(got, []string{"0", "1", "3"}) {
		t.Errorf("log %v", got)
	}
	if p.id.id != before {
		t.Error("nothing was written, yet the producer id has changed")
	}
}

// An attempt without an answer may be in the log: what shares its batch is
// repeated with it, as it was.
func TestEmbeddedNoWithdrawalFromAWrittenBatch(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	lossy := &lossyNet{}
	c, err := Open(Config{Brokers: cluster.ListenAddrs(), Dial: lossy.dial, Logger: testLogger()})
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	p := testProducer(t, c, ProducerConfig{})
	must(t, fate(t, fates(t, p, nil)[0]))
	wanted := flag(true)
	lossy.lost = func() { wanted.Store(false) }
	fault := produceFault(cluster, kerr.NotLeaderForPartition, 1<<20)
	head := func(Result) { lossy.cut.Store(1) }
	must(t, p.Publish(within(t, 10*time.Second), Record{Topic: "t", Value: []byte("head")}, head))
	eventually(t, "the fault", func() bool { return fault.Hits() > 0 })
	ends := fates(t, p, wanted, nil)
	fault.Remove()
	for i, end := range ends {
		if err := fate(t, end); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if lossy.hit.Load() == 0 {
		t.Error("no answer was lost")
	}
	if got := values(readAll(t, c, "t", 0)); !slices.Equal(got, []string{"0", "head", "0", "1"}) {
		t.Errorf("log %v", got)
	}
}
