package sim

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// The settings of a simulated deployment. Delays are shorter than by default:
// a history holds more of them.
const (
	partitions      = 3
	nodes           = 3
	edges           = 2
	heartBeat       = 2 * time.Second
	leaveDelay      = 6 * time.Second
	leaveDelayDrain = 12 * time.Second
	edgeLease       = 5 * time.Second

	detection = 3 * heartBeat
	slack     = 2 * time.Second
	recovery  = 45 * time.Second
)

// deployment is a whole Rollcall with its Kafka and clients, in one bubble.
type deployment struct {
	t          *testing.T
	net        *network
	kafka      *cluster
	rec        *recorder
	brokers    []string
	partitions int
	logger     *slog.Logger

	edges, presences, notifiers []*instance

	running sync.WaitGroup // everything that has to end before the bubble does
	mu      sync.Mutex
	conns   map[string]int // by user
	extra   int            // instances that came and went

	stopLog   context.CancelFunc
	following sync.WaitGroup
	observer  *bus.Client
}

// deploy starts everything and waits until all edges take sessions. dir keeps
// Kafka's log over its restarts, "" for a Kafka that isn't restarted.
func deploy(t *testing.T, seed uint64, dir string, logger *slog.Logger) *deployment {
	t.Helper()
	d := &deployment{t: t, net: newNetwork(seed), rec: newRecorder(), partitions: partitions, logger: logger, conns: map[string]int{}}
	var err error
	if d.kafka, err = startKafka(d.net, nodes, dir); err != nil {
		t.Fatal(err)
	}
	d.brokers = d.kafka.addrs()
	for n := range edges {
		d.edges = append(d.edges, d.newEdge(n))
	}
	for n := range 2 {
		d.presences = append(d.presences, d.newPresence(n))
		d.notifiers = append(d.notifiers, d.newNotifier(n))
	}
	for _, i := range d.instances() {
		d.start(i)
	}
	for _, i := range d.instances() {
		<-i.now.started
	}
	d.observe()
	return d
}

func (d *deployment) instances() []*instance {
	return append(append(append([]*instance(nil), d.edges...), d.presences...), d.notifiers...)
}

// observe follows the public log from a host that no fault touches.
func (d *deployment) observe() {
	client, err := bus.Open(bus.Config{Brokers: d.brokers, ClientID: observer, Dial: d.net.dialer(observer), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.t.Fatal(err)
	}
	d.observer = client
	ctx, cancel := context.WithCancel(context.Background())
	d.stopLog = cancel
	d.rec.follow(ctx, client, d.partitions, &d.following)
	d.following.Go(func() { d.kafka.groups.watch(ctx, d) })
}

func (d *deployment) connName(user string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns[user]++
	return fmt.Sprintf("%s#%d/", user, d.conns[user])
}

// rest waits until all has to be as it should, and ends the history.
func (d *deployment) rest() {
	time.Sleep(recovery + leaveDelayDrain + detection + edgeLease + 5*slack)
	d.rec.note(oracle.Fact{Kind: oracle.Quiet})
	time.Sleep(2 * time.Second) // the log's followers have read it all
}

// end stops everything, in no order that matters any more.
func (d *deployment) end() {
	d.stopLog()
	d.following.Wait()
	_ = d.observer.Close()
	for _, i := range d.instances() {
		d.kill(i)
	}
	for _, l := range d.net.between("", "edge-") {
		l.sever()
	}
	d.running.Wait()
	time.Sleep(time.Minute) // what was killed has no more to do than give up
	d.kafka.stop()
}

func (d *deployment) history() oracle.History {
	return d.rec.history(oracle.Config{
		Delays: schema.Delays{UncleanMS: leaveDelay.Milliseconds(), DrainMS: leaveDelayDrain.Milliseconds()},
		Lease:  edgeLease, Detection: detection, Slack: slack, Recovery: recovery, Origin: d.rec.origin,
	})
}
