package chaos

import (
	"context"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// Settings of the services, short so that many departures fit into a run. The
// lease is the default one.
const (
	leaveDelay = 5 * time.Second
	drainDelay = 8 * time.Second
	edgeLease  = 5 * time.Second
	heartBeat  = 2 * time.Second // of clients
	partitions = "8"
)

// What the oracle allows for on a machine that is busy.
const (
	detection = 3 * heartBeat // an edge gives up after 2.25 of them
	slack     = 2 * time.Second
	// After a fault a member of a group that has died is missed for 6 s, a
	// lease ends after 5 s, owners and edges claim anew.
	recovery = 15 * time.Second
)

// config is that of the history.
func config(origin time.Time) oracle.Config {
	return oracle.Config{
		Delays: schema.Delays{UncleanMS: leaveDelay.Milliseconds(), DrainMS: drainDelay.Milliseconds()},
		Lease:  edgeLease, Detection: detection, Slack: slack, Recovery: recovery, Origin: origin,
	}
}

// longestRest is what the longest chain of delays takes after the last fault: an edge
// is found dead, its clients' grace ends, all within what recovery takes.
const longestRest = recovery + detection + edgeLease + drainDelay + 3*slack

// Options of a run.
type Options struct {
	// Duration is how long faults happen; the rest and the verdict come after it.
	Duration time.Duration
	Seed     uint64
	Users    int
	// Bin has the programs.
	Bin string
	// Brokers are those of an outside Kafka, started by deploy/kafka. None: an
	// embedded broker in a process of its own.
	Brokers []string
	// KafkaScript is deploy/kafka/kafka.sh, which breaks an outside Kafka, and
	// KafkaPort the port that it knows it by. Empty: it isn't broken.
	KafkaScript, KafkaPort string
	// Dir takes the logs of the processes and the data of the embedded broker.
	Dir string
	// Only names the kinds of faults that happen; empty: all.
	Only []string
	// Log is told what happens, a line at a time.
	Log func(format string, args ...any)

	script func(ctx context.Context, n *nemesis) // in place of storms
	steady bool                                  // users only come back when their session has ended
	rest   time.Duration                         // at the end; 0: longestRest
	// recovery is how long after a fault all is as it was; 0: recovery.
	recovery time.Duration
}

// FaultTime is how much of the time of a run is left for faults.
func FaultTime(all time.Duration) time.Duration {
	return max(20*time.Second, all-longestRest-longest-slack)
}
