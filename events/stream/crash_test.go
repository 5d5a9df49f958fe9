package stream_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/brokertest"
)

var errCut = errors.New("the network is cut")

// victim is a client whose network can be cut for good, as a crash looks to
// the broker.
type victim struct{ dead atomic.Bool }

func (v *victim) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if v.dead.Load() {
		return nil, errCut
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	return &victimConn{conn, v}, err
}

type victimConn struct {
	net.Conn
	v *victim
}

func (c *victimConn) Write(b []byte) (int, error) {
	if c.v.dead.Load() {
		return 0, errCut
	}
	return c.Conn.Write(b)
}

// killAt lets the victim's network die instead of its n-th produce request
// (from 0) from now on. Over ends that: the broker serves others again.
func (v *victim) killAt(c *kfake.Cluster, n int) (killed <-chan struct{}, over func()) {
	dead := make(chan struct{})
	var seen atomic.Int64
	var ended atomic.Bool
	c.ControlKey(0, func(kmsg.Request) (kmsg.Response, error, bool) {
		if ended.Load() {
			return nil, nil, false // not kept any more
		}
		c.KeepControl()
		switch count := seen.Add(1) - 1; {
		case count < int64(n):
			return nil, nil, false
		case count == int64(n):
			v.dead.Store(true)
			close(dead)
		}
		return nil, errCut, true
	})
	return dead, func() { ended.Store(true) }
}

const crashUsers = 9

// fill writes a log of users who come and come again. With much to say, their
// state needs the redo log.
func fill(w *world, bytes int) {
	for turn := range 2 {
		for u := range crashUsers {
			w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{
				Ref: ref("e1", 1, fmt.Sprintf("u%d", u)), Status: fmt.Sprintf("%s%d", rooms.StatusBloat, bytes+turn)})
		}
	}
}

func wantAfterCrash() (all []string) {
	for turn := range 3 { // the last of them with the heir
		for u := range crashUsers {
			all = append(all, fmt.Sprintf("join u%d %d", u, turn+1))
		}
	}
	return append(all, "join last 1")
}

// Scenarios 14 and 15. The process dies instead of its n-th write, for every n,
// and another goes on. What a part of a flush has left behind would show in the
// visits that the heir counts on from.
func TestScenario14And15DiesAtEveryWrite(t *testing.T) {
	broker := brokertest.Start(t)
	for name, c := range map[string]struct{ bytes, writes int }{"one batch": {10, 4}, "redo log": {150_000, 10}} {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				if n > 40 {
					t.Fatal("the victim never came to its end")
				}
				finished := false
				t.Run(fmt.Sprintf("write %d", n), func(t *testing.T) { finished = dieAt(t, broker, c.bytes, n) })
				if finished || t.Failed() {
					if n < c.writes {
						t.Errorf("only %d writes, the flush isn't among them", n)
					}
					return
				}
			}
		})
	}
}

// dieAt reports whether the victim was through before its n-th write.
func dieAt(t *testing.T, broker *brokertest.Broker, bytes, n int) (finished bool) {
	w := worldOn(t, broker.Addrs(), 1)
	fill(w, bytes)
	v := &victim{}
	client, err := bus.Open(bus.Config{Brokers: broker.Addrs(), ClientID: "victim", Dial: v.dial, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	// Heartbeats are writes too; they would make the count a matter of time.
	cfg := w.config("victim")
	cfg.Client, cfg.HeartbeatInterval, cfg.EdgeLease = client, time.Hour, 2*time.Hour
	first := mustNew(t, cfg)
	ctx := deadline(t)
	if err := first.Start(ctx); err != nil {
		t.Fatal(err)
	}
	killed, over := v.killAt(broker.Cluster(), n+1) // beside its one heartbeat
	tail := w.tail(w.topics.PresenceState(), 0)
	through := make(chan struct{})
	watch, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	go func() {
		if flushedAll(watch, tail) {
			close(through)
		}
	}()
	select {
	case <-killed:
	case <-through:
		finished = true
	case <-ctx.Done():
		t.Fatal("the victim neither died nor came to its end")
	}
	v.dead.Store(true)
	over()
	bury(t, first, client)

	cfg = w.config("heir")
	cfg.Group += "-heir" // the broker still waits for the dead member
	w.start(cfg)
	for u := range crashUsers {
		w.connect("e1", 1, fmt.Sprintf("u%d", u))
	}
	w.connect("e1", 1, "last")
	if got := readAll(w, "join last 1"); !slices.Equal(got, wantAfterCrash()) {
		t.Errorf("readers were told %q", got)
	}
	return finished
}

// flushedAll follows the changelog until the last entity of the last flush is
// there: u8 in its second version, as an ordinary record.
func flushedAll(ctx context.Context, l *tail) bool {
	last := rooms.Key(fmt.Sprintf("u%d", crashUsers-1), fmt.Sprintf("s-u%d", crashUsers-1))
	for ctx.Err() == nil {
		b, err := l.r.Next(ctx)
		if err != nil {
			return false
		}
		for _, rec := range b.Records {
			if e, err := (rooms.Fold{}).Decode("", rec.Value); string(rec.Key) == last && err == nil && e.(*rooms.Session).Visits == 2 {
				return true
			}
		}
	}
	return false
}

// Invariant 8: a member joins again only when its flush in flight has ended.
func TestRejoinsOnlyWhenTheFlushHasEnded(t *testing.T) {
	broker := brokertest.Start(t)
	w := worldOn(t, broker.Addrs(), 1)
	s := w.start(w.config("a"))
	w.running(s, 0)
	flushing, end := make(chan struct{}), make(chan struct{})
	cluster := broker.Cluster()
	var first sync.Once
	cluster.ControlKey(0, func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if req.(*kmsg.ProduceRequest).Topics[0].Topic == w.topics.PresenceState() {
			first.Do(func() {
				close(flushing)
				cluster.SleepControl(func() { <-end })
			})
		}
		return nil, nil, false
	})
	w.connect("e1", 1, "alice")
	<-flushing
	var joins atomic.Int64
	cluster.ControlKey(11, func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		joins.Add(1)
		return nil, nil, false
	})
	w.start(w.config("b"))
	if err := s.WaitState(deadline(t), 0, stream.Stopping); err != nil {
		t.Fatal(err)
	}
	<-time.After(500 * time.Millisecond) // for what must not happen
	if n := joins.Load(); n != 1 {
		t.Errorf("%d joins while a flush is in flight, want that of the new member alone", n)
	}
	close(end)
	retry(t, func() bool { return len(s.Owned()) == 1 })
	if n := joins.Load(); n < 2 {
		t.Errorf("%d joins in the end", n)
	}
}

// bury stops a service that has no network, beside the test.
func bury(t *testing.T, s *stream.Service, client *bus.Client) {
	gone, done := context.WithCancel(context.Background())
	done()
	_ = s.Stop(gone)
	t.Cleanup(func() { <-s.Done(); _ = client.Close() })
}

// readAll is what a reader with a watermark is told, up to a last text.
func readAll(w *world, last string) []string {
	tail := w.tail(w.topics.ChannelEvents(), 0)
	watermarks := map[string]schema.Sequence{}
	var all []string
	for {
		ev, data := tail.event(schema.TypePresenceJoined, schema.TypePresenceLeft)
		if w, ok := watermarks[ev.Source]; ok && !ev.Sequence.Above(w) {
			continue
		}
		watermarks[ev.Source] = ev.Sequence
		all = append(all, text(data))
		if all[len(all)-1] == last {
			return all
		}
	}
}

func mustNew(t *testing.T, cfg stream.Config) *stream.Service {
	t.Helper()
	s, err := stream.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
