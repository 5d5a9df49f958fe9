// Package brokertest gives tests a Kafka: a broker inside the test's own
// process, or the outside one that an environment variable names. Imported by
// tests only.
package brokertest

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// EnvBrokers names an outside Kafka for [Brokers]: host:port, comma separated.
const EnvBrokers = "ROLLCALL_TEST_BROKERS"

// Broker is an embedded broker. It ends with the test that started it.
type Broker struct {
	t     testing.TB
	opts  []kfake.Opt
	addrs []string
	ports []int

	mu      sync.Mutex // a test may restart beside those who look
	cluster *kfake.Cluster
}

// Option is a choice about an embedded broker.
type Option func(*Broker)

// Durable keeps the log in a directory of the test, so that [Broker.Restart]
// brings it back.
func Durable() Option {
	return func(b *Broker) { DataDir(b.t.TempDir())(b) }
}

// DataDir keeps the log in dir.
func DataDir(dir string) Option {
	return func(b *Broker) {
		b.opts = append(b.opts, kfake.DataDir(dir))
	}
}

// Nodes makes a cluster of n nodes instead of one.
func Nodes(n int) Option {
	return Kfake(kfake.NumBrokers(n))
}

// Kfake passes options of the broker itself, such as ListenFn.
func Kfake(opts ...kfake.Opt) Option {
	return func(b *Broker) { b.opts = append(b.opts, opts...) }
}

// Start starts an embedded broker on free ports of the loopback. It creates no
// topics by itself, and lets groups have sessions as short as a test likes.
func Start(t testing.TB, options ...Option) *Broker {
	t.Helper()
	b := &Broker{t: t, opts: []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.GroupMinSessionTimeout(10 * time.Millisecond),
	}}
	for _, option := range options {
		option(b)
	}
	if err := b.start(); err != nil {
		t.Fatalf("start the embedded broker: %v", err)
	}
	b.addrs = b.cluster.ListenAddrs()
	for _, addr := range b.addrs {
		port, err := portOf(addr)
		if err != nil {
			t.Fatalf("port of the embedded broker: %v", err)
		}
		b.ports = append(b.ports, port)
	}
	t.Cleanup(b.Stop)
	return b
}

func (b *Broker) start() error {
	opts := b.opts
	if b.ports != nil {
		opts = append(opts[:len(opts):len(opts)], kfake.Ports(b.ports...))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cluster = cluster
	return nil
}

// Addrs are the addresses of all nodes. They stay the same over a restart.
func (b *Broker) Addrs() []string { return slices.Clone(b.addrs) }

// Addr is the address of the first node.
func (b *Broker) Addr() string { return b.addrs[0] }

// Cluster is the broker itself, for faults, compaction and moved partitions.
// After a restart it is another, and while stopped nil.
func (b *Broker) Cluster() *kfake.Cluster {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cluster
}

// Stop ends the broker as a crash of all nodes looks from outside: connections
// break and the ports are closed. Stopped twice is fine.
func (b *Broker) Stop() {
	b.mu.Lock()
	cluster := b.cluster
	b.cluster = nil
	b.mu.Unlock()
	if cluster != nil {
		cluster.Close()
	}
}

// Restart stops the broker, if it runs, and starts it on the same ports. Its
// topics are back if it is [Durable]; else it begins empty.
func (b *Broker) Restart() {
	b.t.Helper()
	b.Stop()
	// A port may be in use for a moment by a connection that is closing.
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := b.start()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("restart the embedded broker: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// External tells whether [Brokers] are those of an outside Kafka, where faults
// can't be injected and topics of others exist.
func External() bool { return os.Getenv(EnvBrokers) != "" }

// Brokers are the addresses of the Kafka under test: the outside one of
// ROLLCALL_TEST_BROKERS, else an embedded one of this test.
func Brokers(t testing.TB) []string {
	t.Helper()
	if !External() {
		return Start(t).Addrs()
	}
	return strings.Split(os.Getenv(EnvBrokers), ",")
}

// Prefix is a prefix for topics and groups that no other test and no other run
// has: on an outside Kafka they stay.
func Prefix(t testing.TB) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, t.Name())
	// Topic names have at most 249 bytes.
	return fmt.Sprintf("%s-%s-", name[:min(len(name), 80)], strconv.FormatInt(time.Now().UnixNano(), 36))
}

func portOf(addr string) (int, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
