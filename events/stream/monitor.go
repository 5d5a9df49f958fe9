package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/lease"
)

// breakerHold is how long an expiry of most edges at once is put off.
const breakerHold = 60 * time.Second

// monitor reads cluster.heartbeat, judges edges for all tasks of the process,
// and knows which instance owns which partition.
type monitor struct {
	cfg   *Config
	log   *slog.Logger
	run   string // of this process, to know its own heartbeats
	begin time.Time
	// poison takes what isn't a heartbeat. nil: it is only logged.
	poison func(rec bus.Record, cause error)
	asks   chan struct{} // somebody waits for the edges' next beats

	mu       sync.Mutex
	table    *lease.Table
	over     map[fold.EdgeEpoch]bool
	breaking bool
	peers    map[string]Peer // by run: two processes may have one name
	twins    map[string]bool // runs of this instance's name that were logged
	reports  map[int32]report
	waits    map[int32]wait
	said     map[schema.EdgeVerdict]bool // by all tasks; nil: to be made anew
	// position is the next offset of the heartbeats, lag how many were behind
	// it, and level when there were last none.
	position, lag int64
	level         time.Time
}

// report is what a task says of its edges.
type report struct {
	verdicts []schema.EdgeVerdict
	wake     func()
}

// Peer is an instance of the same service, as its heartbeats tell.
type Peer struct {
	Instance, HTTP string
	Partitions     []int32
	Seen           time.Time
	// Own: it is this very process, not another one of its name.
	Own bool
}

func newMonitor(cfg *Config, run string) *monitor {
	return &monitor{
		cfg: cfg, log: cfg.Logger, run: run, begin: time.Now(),
		table: lease.New(lease.Config{Lease: cfg.EdgeLease, Interval: cfg.HeartbeatInterval, Hold: breakerHold}),
		over:  map[fold.EdgeEpoch]bool{}, peers: map[string]Peer{}, twins: map[string]bool{}, reports: map[int32]report{},
		asks: make(chan struct{}, 1), waits: map[int32]wait{},
	}
}

// now is on the monotonic clock: the host's may be set.
func (m *monitor) now() time.Duration { return time.Since(m.begin) }

// report takes what a task says of its edges; wake is called when one of them
// has expired. A nil wake ends the task's reports.
func (m *monitor) report(partition int32, edges []fold.EdgeEpoch, verdicts []schema.EdgeVerdict, wake func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.table.Name(m.now(), partition, edges)
	m.said = nil
	if wake == nil {
		delete(m.reports, partition)
		delete(m.waits, partition)
		return
	}
	m.reports[partition] = report{verdicts: verdicts, wake: wake}
}

// expired filters the epochs whose lease has run out.
func (m *monitor) expired(edges []fold.EdgeEpoch) []fold.EdgeEpoch {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []fold.EdgeEpoch
	for _, ee := range edges {
		if m.over[ee] {
			out = append(out, ee)
		}
	}
	return out
}

// maxVerdicts bounds a heartbeat; an edge that isn't named now is named once
// others have reacted.
const maxVerdicts = 256

// verdicts are those of all tasks on edges that can hear them.
func (m *monitor) verdicts() []schema.EdgeVerdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.pending()
	return all[:min(len(all), maxVerdicts)]
}

// pending are the verdicts that the edges have not answered yet. mu is held.
func (m *monitor) pending() []schema.EdgeVerdict {
	if m.said == nil {
		m.said = map[schema.EdgeVerdict]bool{}
		for _, r := range m.reports {
			for _, v := range r.verdicts {
				m.said[v] = true
			}
		}
	}
	now := m.now()
	var all []schema.EdgeVerdict
	for v := range m.said {
		if m.table.Alive(now, v.Edge, v.Epoch) {
			all = append(all, v)
		}
	}
	slices.SortFunc(all, func(a, b schema.EdgeVerdict) int {
		return cmp.Or(cmp.Compare(a.Edge, b.Edge), cmp.Compare(a.Epoch, b.Epoch))
	})
	return all
}

// tick judges, and wakes the tasks if an edge has expired.
func (m *monitor) tick(metrics *metrics) {
	m.mu.Lock()
	over, breaking := m.table.Expired(m.now())
	if breaking && !m.breaking {
		m.log.Error("most edges would expire at once, holding back", "hold", breakerHold)
	}
	m.breaking = breaking
	metrics.breaking(breaking)
	_, trusted := m.table.Trusted()
	metrics.trusted(trusted)
	known := maps.Clone(m.over)
	clear(m.over)
	for _, ee := range over {
		m.over[ee] = true
		if !known[ee] {
			m.sayBehind(ee)
		}
	}
	var wake []func()
	if len(over) > 0 {
		for _, r := range m.reports {
			wake = append(wake, r.wake)
		}
	}
	m.mu.Unlock()
	for _, w := range wake {
		w()
	}
}

// sayBehind logs an edge of which nothing is seen for as long as its epochs are
// below the expired one. mu is held.
func (m *monitor) sayBehind(expired fold.EdgeEpoch) {
	if epoch, behind := m.table.Behind(m.now(), expired); behind {
		m.log.Error("an edge beats under an epoch below one that the log holds, all that it writes is passed over: "+
			m.cfg.Topics.Heartbeat()+" was made anew, or something else has written in its name",
			"edge", expired.Edge, "epoch", epoch, "in_log", expired.Epoch)
	}
}

// read follows cluster.heartbeat until ctx ends. What was missed in a break of
// the log is nobody's fault: leases start anew.
func (m *monitor) read(ctx context.Context) {
	for ctx.Err() == nil {
		r := m.cfg.Client.NewReader(bus.ReaderConfig{Topic: m.cfg.Topics.Heartbeat(), Start: bus.LastOffset})
		err := m.follow(ctx, r)
		if ctx.Err() != nil {
			return
		}
		m.log.Warn("heartbeats can't be read on, going to the log's end", "reason", err)
		m.mu.Lock()
		m.table.Doubt()
		m.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(m.cfg.HeartbeatInterval):
		}
	}
}

func (m *monitor) follow(ctx context.Context, r *bus.Reader) error {
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return err
		}
		m.take(b.Records)
		m.served()
		m.progress(b.Next, b.HighWatermark)
	}
}

func (m *monitor) progress(next, highWatermark int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.position, m.lag = next, max(0, highWatermark-next)
	if m.lag == 0 {
		m.level = time.Now()
	}
}

func (m *monitor) take(recs []bus.Record) {
	for _, rec := range recs {
		hb, err := readHeartbeat(rec.Value)
		if err == nil {
			m.heard(hb, rec.Offset)
			continue
		}
		m.log.Error("heartbeat can't be read, it goes to the dead letter", "offset", rec.Offset, "reason", err)
		if m.poison != nil {
			m.poison(rec, err)
		}
	}
}

func readHeartbeat(value []byte) (hb schema.Heartbeat, err error) {
	if err := json.Unmarshal(value, &hb); err != nil {
		return hb, fmt.Errorf("read heartbeat: %w", err)
	}
	if hb.Instance == "" {
		return hb, errors.New("read heartbeat: instance is missing")
	}
	return hb, nil
}

func (m *monitor) heard(hb schema.Heartbeat, offset int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case hb.Kind == schema.KindEdge:
		if m.table.TooSlow(hb) {
			m.log.Error("an edge beats less often than its lease lasts, so it expires between any two beats: "+
				"its --heartbeat-interval has to be several times shorter than --edge-lease here",
				"edge", hb.Instance, "heartbeat_interval", time.Duration(hb.IntervalMS)*time.Millisecond, "edge_lease", m.cfg.EdgeLease)
		}
		m.table.Beat(m.now(), hb)
		maps.DeleteFunc(m.over, func(ee fold.EdgeEpoch, _ bool) bool { return m.table.Renewed(m.now(), ee) })
	case hb.Kind == m.cfg.Kind:
		m.peer(hb)
		if hb.Run == m.run {
			m.table.Back(m.now(), hb.Beat, offset)
		}
	}
}

// peer keeps who owns what. A peer unseen for a lease owns nothing for us.
func (m *monitor) peer(hb schema.Heartbeat) {
	now := time.Now()
	own := hb.Run == m.run
	m.peers[cmp.Or(hb.Run, hb.Instance)] = Peer{Instance: hb.Instance, HTTP: hb.HTTP, Partitions: hb.Partitions, Seen: now, Own: own}
	for run, p := range m.peers {
		if now.Sub(p.Seen) > m.cfg.EdgeLease {
			delete(m.peers, run)
			delete(m.twins, run)
		}
	}
	// A predecessor is silent after a lease.
	if !own && hb.Instance == m.cfg.Instance && m.now() > m.cfg.EdgeLease && !m.twins[hb.Run] {
		m.twins[hb.Run] = true
		m.log.Error("another process has the name of this one: give each an --instance-id of its own",
			"instance", hb.Instance, "its_http", hb.HTTP)
	}
}

// owner is the peer that has last said that it owns the partition.
func (m *monitor) owner(partition int32) (Peer, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found Peer
	for _, p := range m.peers {
		if slices.Contains(p.Partitions, partition) && p.Seen.After(found.Seen) && time.Since(p.Seen) <= m.cfg.EdgeLease {
			found = p
		}
	}
	return found, found.Instance != ""
}
