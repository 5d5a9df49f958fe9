package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// post is an edge.mailbox with two partitions and what came out of one.
type post struct {
	t      *testing.T
	ctx    context.Context
	client *bus.Client
	topic  string

	mu     sync.Mutex
	got    []string
	dead   int
	missed int64
}

func newPost(t *testing.T) *post {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	client, err := bus.Open(bus.Config{Brokers: brokertest.Brokers(t), ClientID: "edge-0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	p := &post{t: t, ctx: ctx, client: client, topic: brokertest.Prefix(t) + "edge.mailbox"}
	if err := client.EnsureTopics(ctx, true, bus.Topic{Name: p.topic, Partitions: 2}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *post) reader(from int64) *Reader {
	r := New(Config{Client: p.client, Topic: p.topic, Partition: 1, Edge: "edge-0", From: from, Logger: slog.New(slog.DiscardHandler),
		Deliver: func(d *Delivery) {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, c := range d.Channels {
				for _, e := range c.Entries {
					p.got = append(p.got, fmt.Sprintf("%s:%d", c.Name, e.Version.Offset))
				}
			}
		},
		DeadLetter: func(bus.Record, error) { p.mu.Lock(); p.dead++; p.mu.Unlock() },
		Missed:     func(epoch int64, _ error) { p.mu.Lock(); p.missed = epoch; p.mu.Unlock() },
	})
	r.Enter(5)
	return r
}

func (p *post) write(values ...[]byte) {
	p.t.Helper()
	w := p.client.NewProducer(bus.ProducerConfig{})
	defer w.Close(p.ctx)
	for _, v := range values {
		if _, err := w.PublishWait(p.ctx, bus.Record{Topic: p.topic, Partition: 1, Key: []byte("edge-0"), Value: v}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *post) until(want string) {
	p.t.Helper()
	retry.Eventually(p.t, 10*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if got := fmt.Sprint(p.got); got != want {
			return fmt.Errorf("got %s, want %s", got, want)
		}
		return nil
	})
}

// The reader goes on where the edge's mailbox ended before its claim.
func TestScenario27ReaderBeginsWhereItWasTold(t *testing.T) {
	p := newPost(t)
	p.write(record(t, "edge-0", 5, source, entry(1, "a", "u")))
	_, next, err := p.client.Offsets(p.ctx, p.topic, 1)
	if err != nil {
		t.Fatal(err)
	}
	p.write(record(t, "edge-0", 5, source, entry(2, "a", "v")), []byte("poison"), record(t, "edge-0", 5, source, entry(3, "a", "w")))
	r := p.reader(next)
	if err := r.Start(p.ctx); err != nil {
		t.Fatal(err)
	}
	p.until("[a:2 a:3]")
	if err := r.Stop(p.ctx); err != nil {
		t.Fatal(err)
	}
	if p.dead != 1 || p.missed != 0 {
		t.Fatalf("%d dead letters, missed %d", p.dead, p.missed)
	}
}

// Records that are gone before they were read are not passed over silently: the
// epoch in which they were asked for is over.
func TestReaderReportsWhatItMissed(t *testing.T) {
	p := newPost(t)
	p.write(record(t, "edge-0", 5, source, entry(1, "a", "u")))
	r := p.reader(1000)
	if err := r.Start(p.ctx); err != nil {
		t.Fatal(err)
	}
	retry.Eventually(t, 20*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.missed != 5 {
			return errors.New("nothing was reported")
		}
		return nil
	})
	p.write(record(t, "edge-0", 5, source, entry(2, "a", "v")))
	p.until("[a:2]")
	if err := r.Stop(p.ctx); err != nil {
		t.Fatal(err)
	}
}

func TestStartStop(t *testing.T) {
	p := newPost(t)
	startstoptest.Stress(t, func() startstop.Service { return p.reader(0) })
}
