package sim

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/settings"
	"rollcall.dev/internal/startstop"
	edge "rollcall.dev/services/edge/app"
	notifier "rollcall.dev/services/notifier/app"
	presence "rollcall.dev/services/presence/app"
	"rollcall.dev/test/oracle"
)

// process is one run of one instance, a host of the network.
type process struct {
	id, host string
	app      startstop.Service
	cancel   context.CancelFunc // of Start
	started  chan struct{}      // closed when Start has returned

	mu   sync.Mutex
	gone bool
}

// instance is an id and its newest run.
type instance struct {
	id   string
	runs int
	make func(host string) (startstop.Service, error)
	now  *process // nil: doesn't run
}

func (i *instance) isEdge() bool { return strings.HasPrefix(i.id, "edge-") }

func (d *deployment) kafkaOptions() settings.Kafka {
	return settings.Kafka{Brokers: d.brokers, Partitions: d.partitions, Replication: 1, CreateTopics: true}
}

func (d *deployment) bind(host string) ops.Bind {
	return func(_ context.Context, _, address string) (net.Listener, error) { return d.net.listen(host, address) }
}

func (d *deployment) newEdge(n int) *instance {
	id := fmt.Sprintf("edge-%d", n)
	return &instance{id: id, make: func(host string) (startstop.Service, error) {
		o := edge.Options{Kafka: d.kafkaOptions(), Instance: id, Listen: edgeAddr(n), OpsListen: "127.0.0.1:0",
			Dial: d.net.dialer(host), Bind: d.bind(host), Logger: d.logger.With("host", host)}
		o.Auth, o.HeartBeat, o.RosterLimit, o.OutboxLimit = "none", heartBeat, 1000, 4096
		return edge.New(o)
	}}
}

func edgeAddr(n int) string { return fmt.Sprintf("127.0.0.1:%d", 8080+n) }

func (d *deployment) newPresence(n int) *instance {
	id := fmt.Sprintf("presence-%d", n)
	return &instance{id: id, make: func(host string) (startstop.Service, error) {
		o := presence.Options{}
		o.LeaveDelay, o.LeaveDelayDrain, o.LeaveDelayClean = leaveDelay, leaveDelayDrain, 0
		o.Kafka, o.Instance, o.Listen = d.kafkaOptions(), id, "127.0.0.1:0"
		o.EdgeLease, o.Dial, o.Bind, o.Logger = edgeLease, d.net.dialer(host), d.bind(host), d.logger.With("host", host)
		return presence.New(o)
	}}
}

func (d *deployment) newNotifier(n int) *instance {
	id := fmt.Sprintf("notifier-%d", n)
	return &instance{id: id, make: func(host string) (startstop.Service, error) {
		o := notifier.Options{Kafka: d.kafkaOptions(), Instance: id, Listen: "127.0.0.1:0", EdgeLease: edgeLease,
			Dial: d.net.dialer(host), Bind: d.bind(host), Logger: d.logger.With("host", host)}
		return notifier.New(o)
	}}
}

// start begins a run. It doesn't wait until it is ready.
func (d *deployment) start(i *instance) {
	i.runs++
	p := &process{id: i.id, host: fmt.Sprintf("%s/%d/", i.id, i.runs), started: make(chan struct{})}
	app, err := i.make(p.host)
	if err != nil {
		d.t.Errorf("make %s: %v", i.id, err)
		return
	}
	p.app, i.now = app, p
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	d.running.Go(func() {
		defer close(p.started)
		if err := app.Start(ctx); err != nil && !p.isGone() {
			d.t.Errorf("start %s: %v", p.host, err)
		}
	})
}

func (p *process) isGone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *process) leaves() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// stopTimeout is what an orderly end may take.
const stopTimeout = 15 * time.Second

// stop ends a run in order and reports whether that went well.
func (d *deployment) stop(i *instance) error {
	p := i.now
	if p == nil {
		return nil
	}
	i.now = nil
	p.leaves()
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	p.cancel()
	err := p.app.Stop(ctx)
	d.net.kill(p.host)
	return err
}

// kill ends a run at once: nothing that it has not sent yet gets anywhere.
func (d *deployment) kill(i *instance) {
	p := i.now
	if p == nil {
		return
	}
	i.now = nil
	p.leaves()
	d.net.kill(p.host)
	if i.isEdge() {
		d.rec.note(oracle.Fact{Kind: oracle.EdgeKilled, Edge: i.id})
	}
	p.cancel()
	d.running.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // it gets no time
		_ = p.app.Stop(ctx)
		<-p.started
	})
}
