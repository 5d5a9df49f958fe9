// Package broker runs an embedded Kafka-protocol broker (kfake) with its log
// in a directory, so that one process needs nothing beside it. It is one node
// without replication: for a laptop, a demo, a test, not for what must survive
// the loss of a disk.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"

	"rollcall.dev/internal/startstop"
)

// Options of a broker.
type Options struct {
	// Listen is the address, which the broker also tells its clients to use.
	Listen string
	// DataDir is where topics, records, group offsets and producer ids are
	// kept; it is made if it isn't there. "": in memory.
	DataDir string
	// Logger is where the broker logs what it had to repair. nil: nowhere.
	Logger *slog.Logger
}

// Broker is an embedded broker.
type Broker struct {
	startstop.Runner
	o       Options
	lock    *os.File
	cluster *kfake.Cluster
	addr    string
}

// New makes a broker; Start opens it.
func New(o Options) *Broker {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Broker{o: o}
}

// Start opens the log and listens. The error is one line that says what to do.
func (b *Broker) Start(ctx context.Context) error { return b.Run(ctx, b.open, b.serve) }

// Addr is the address with the port that was taken, "" before Start.
func (b *Broker) Addr() string {
	select {
	case <-b.Started():
		return b.addr
	default:
		return ""
	}
}

func (b *Broker) open(context.Context) error {
	if err := b.takeDir(); err != nil {
		return err
	}
	cluster, err := kfake.NewCluster(b.options()...)
	if err != nil {
		b.freeDir()
		return b.explain(err)
	}
	b.cluster, b.addr = cluster, cluster.ListenAddrs()[0]
	return nil
}

// serve closes the broker when it is told to. Close writes an index of all
// that is there, which makes the next start fast, and syncs the files.
func (b *Broker) serve(ctx context.Context) error {
	<-ctx.Done()
	b.cluster.Close()
	b.freeDir()
	return nil
}

// options: no topic appears because somebody asks for it; a batch is in the
// page cache before it is acknowledged, as in Kafka (a kill of the process
// loses nothing, a power cut may); logs are compacted and old records deleted
// every ten minutes, which stops the broker for a moment each time.
func (b *Broker) options() []kfake.Opt {
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("rollcall-standalone"),
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "600000"}),
		kfake.WithLogger(logger{b.o.Logger}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return listen(network, b.o.Listen) }),
	}
	if b.o.DataDir != "" {
		opts = append(opts, kfake.DataDir(b.o.DataDir))
	}
	return opts
}

func (b *Broker) explain(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("embedded Kafka: %s is in use, by another Kafka or standalone process: stop it or choose another --kafka-listen", b.o.Listen)
	case b.cluster == nil && isListen(err):
		return fmt.Errorf("embedded Kafka: --kafka-listen: %w", err)
	default:
		return fmt.Errorf("embedded Kafka: open the log in %s: %w; move the directory away to begin with an empty log", b.o.DataDir, err)
	}
}

func isListen(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

// takeDir makes the directory and keeps other processes out of it.
func (b *Broker) takeDir() error {
	if b.o.DataDir == "" {
		return nil
	}
	if err := os.MkdirAll(b.o.DataDir, 0o755); err != nil {
		return fmt.Errorf("embedded Kafka: --data-dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(b.o.DataDir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("embedded Kafka: --data-dir: %w", err)
	}
	if err := lock(f); err != nil {
		return errors.Join(fmt.Errorf("embedded Kafka: %s is in use by another process: stop it or choose another --data-dir", b.o.DataDir), f.Close())
	}
	b.lock = f
	return nil
}

func (b *Broker) freeDir() {
	if b.lock != nil {
		_ = b.lock.Close() // gives the lock back; nothing was written
		b.lock = nil
	}
}

// logger passes on what the broker says.
type logger struct{ to *slog.Logger }

// Logf implements kfake.Logger. What kfake calls information is every request.
func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug - 4
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if ctx := context.Background(); l.to.Enabled(ctx, to) {
		l.to.Log(ctx, to, "embedded Kafka: "+fmt.Sprintf(format, args...))
	}
}
