package bus

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// silentBroker accepts connections and never answers.
func silentBroker(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// kafka-go's ConsumerGroup.Close can take 35 s; ours takes a few.
func TestEmbeddedGroupStopsWithoutBroker(t *testing.T) {
	for name, addr := range map[string]string{"refused": "127.0.0.1:1", "silent": silentBroker(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testClient(t, []string{addr})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			began := time.Now()
			err := c.RunGroup(ctx, GroupConfig{Group: "g", Topics: []string{"t"}}, func(context.Context, *Claim) error {
				t.Error("a claim from nowhere")
				return nil
			})
			if took := time.Since(began); err != nil || took > 6*time.Second {
				t.Errorf("returned %v after %v", err, took)
			}
		})
	}
}

// A silent broker costs the caller its deadline, never more.
func TestEmbeddedSilentBroker(t *testing.T) {
	c := testClient(t, []string{silentBroker(t)})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	p := c.NewProducer(ProducerConfig{})
	must(t, p.Publish(ctx, Record{Topic: "t"}, nil))
	if _, err := c.NewReader(ReaderConfig{Topic: "t"}).Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := p.Close(ctx); err == nil {
		t.Error("close reports nothing lost")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// A group whose broker goes away and comes back gets its partitions again, and
// its reader goes on where it was.
func TestEmbeddedGroupOutlivesBroker(t *testing.T) {
	broker := startChildBroker(t)
	c := testClient(t, []string{broker.addr()})
	topic := newTopic(t, c, 1)
	p := testProducer(t, c, ProducerConfig{})
	got := make(chan string, 64)
	startGroup(t, c, groupConfig("g", topic), func(ctx context.Context, cl *Claim) error {
		r := c.NewReader(ReaderConfig{Topic: topic, Start: cl.Start, MaxWait: 50 * time.Millisecond})
		for {
			b, err := r.Next(ctx)
			if err != nil {
				return err
			}
			for _, rec := range b.Records {
				got <- string(rec.Value)
				_ = cl.Commit(rec.Offset + 1)
			}
		}
	})
	want := func(v string) {
		t.Helper()
		for {
			select {
			case g := <-got:
				if g == v {
					return
				} // an earlier one again: at least once
			case <-time.After(30 * time.Second):
				t.Fatalf("%s did not come", v)
			}
		}
	}
	publishN(t, p, topic, 0, 0, 1)
	want("0")
	broker.stop()
	broker.start()
	publishN(t, p, topic, 0, 1, 2)
	want("1")
	broker.kill()
	broker.start()
	publishN(t, p, topic, 0, 2, 3)
	want("2")
}

// Two partitions that lose their producer id at once get one new id, not two.
func TestEmbeddedIdentityIsReplacedOnce(t *testing.T) {
	c := testClient(t, embedded(t, kfake.SeedTopics(1, "t")).ListenAddrs())
	id := newIdentity(c, "")
	ctx := within(t, 10*time.Second)
	first, err := id.replace(ctx, noProducerID)
	must(t, err)
	second, err := id.replace(ctx, first)
	must(t, err)
	third, err := id.replace(ctx, first)
	must(t, err)
	if first == second || second != third {
		t.Errorf("ids %+v, %+v, %+v", first, second, third)
	}
	id.fence()
	if _, err := id.replace(ctx, third); !errors.Is(err, ErrFenced) {
		t.Errorf("fenced identity: %v", err)
	}
}

// A partition that waits for another's new id stops waiting with its own end,
// not only when the broker has answered the other.
func TestEmbeddedIdentityWaitEnds(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	asked := make(chan struct{})
	cluster.ControlKey(kmsg.InitProducerID.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(asked)
		return nil, nil, true // no answer
	})
	id := newIdentity(testClient(t, cluster.ListenAddrs()), "")
	asking, stop := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := id.replace(asking, noProducerID)
		first <- err
	}()
	<-asked
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := id.replace(ctx, noProducerID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting: %v", err)
	}
	stop()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("asking: %v", err)
	}
}

// What is asked after Close gets an error, and no connection that nobody would
// ever close.
func TestEmbeddedAskedAfterClose(t *testing.T) {
	cluster := embedded(t, kfake.SeedTopics(1, "t"))
	c, err := Open(Config{Brokers: cluster.ListenAddrs(), Logger: testLogger()})
	must(t, err)
	ctx := within(t, 10*time.Second)
	_, err = c.listOffset(ctx, "t", 0, FirstOffset)
	must(t, err)
	must(t, c.Close())
	if _, err := c.listOffset(ctx, "t", 0, FirstOffset); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A broker that stands still takes connections. A member that meets it first
// asks the next one.
func TestEmbeddedGroupJoinsBesideASilentBroker(t *testing.T) {
	t.Parallel()
	b := embedded(t, kfake.SeedTopics(1, "t"))
	c := testClient(t, append([]string{silentBroker(t)}, b.ListenAddrs()...))
	joined := make(chan struct{}, 1)
	cfg := groupConfig("g", "t")
	cfg.Assigned = func(map[string][]int32) { joined <- struct{}{} }
	startGroup(t, c, cfg, func(ctx context.Context, _ *Claim) error { <-ctx.Done(); return nil })
	select {
	case <-joined:
	case <-within(t, 20*time.Second).Done():
		t.Fatal("didn't join")
	}
}

// A commit that waits ends no generation: its heartbeats don't wait behind it.
func TestEmbeddedCommitThatWaitsEndsNoGeneration(t *testing.T) {
	t.Parallel()
	b := embedded(t, kfake.SeedTopics(1, "t"))
	asked := make(chan struct{}, 64)
	b.ControlKey(kmsg.OffsetCommit.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		asked <- struct{}{}
		b.SleepControl(func() { <-within(t, 2*coordinatorTimeout).Done() })
		return nil, nil, false
	})
	c := testClient(t, b.ListenAddrs())
	generations := make(chan struct{}, 64)
	cfg := groupConfig("g", "t")
	cfg.Assigned = func(map[string][]int32) { generations <- struct{}{} }
	over := make(chan struct{}, 64)
	startGroup(t, c, cfg, func(ctx context.Context, cl *Claim) error {
		must(t, cl.Commit(1))
		<-ctx.Done()
		over <- struct{}{}
		return nil
	})
	<-asked
	<-asked // the first has timed out, and is sent again
	select {
	case <-over:
		t.Error("the generation has ended")
	default:
	}
	if n := len(generations); n != 1 {
		t.Errorf("%d generations", n)
	}
}
