package bus

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// pipeNet is a network in memory, so that broker and client live in one bubble
// of fake time.
type pipeNet struct {
	mu        sync.Mutex
	listeners map[string]*pipeListener
	next      int
}

type pipeListener struct {
	addr  *net.TCPAddr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (n *pipeNet) listen(_, _ string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	l := &pipeListener{addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40_000 + n.next}, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[l.addr.String()] = l
	return l, nil
}

func (n *pipeNet) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, net.ErrClosed
	}
	here, there := net.Pipe()
	select {
	case l.conns <- there:
		return here, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return l.addr }

// The whole package works in fake time: a member that dies silently loses its
// partition after the session timeout, and an hour of reading takes no time.
func TestEmbeddedInFakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &pipeNet{listeners: make(map[string]*pipeListener)}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(network.listen), kfake.SeedTopics(1, "t"))
		must(t, err)
		defer cluster.Close()
		c, err := Open(Config{Brokers: cluster.ListenAddrs(), Dial: network.dial, Logger: testLogger()})
		must(t, err)
		defer func() { must(t, c.Close()) }()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		p := c.NewProducer(ProducerConfig{})
		defer func() { must(t, p.Close(ctx)) }()

		groupCtx, leave := context.WithCancel(ctx)
		left := make(chan error, 1)
		read := make(chan Record)
		go func() {
			left <- c.RunGroup(groupCtx, GroupConfig{Group: "g", Topics: []string{"t"}}, func(ctx context.Context, cl *Claim) error {
				r := c.NewReader(ReaderConfig{Topic: cl.Topic, Partition: cl.Partition, Start: cl.Start})
				for {
					b, err := r.Next(ctx)
					if err != nil {
						return err
					}
					for _, rec := range b.Records {
						read <- rec
					}
					must(t, cl.Commit(b.Next))
				}
			})
		}()
		for i := range 6 {
			if _, err := p.PublishWait(ctx, Record{Topic: "t", Value: []byte{byte(i)}}); err != nil {
				t.Fatal(err)
			}
			if rec := <-read; rec.Offset != int64(i) {
				t.Fatalf("read offset %d, want %d", rec.Offset, i)
			}
			time.Sleep(10 * time.Minute)
		}
		leave()
		must(t, <-left)
	})
}
