package harness

import (
	"os"
	"strings"
	"testing"
	"time"

	"rollcall.dev/test/process"
)

// EnvBrokers names an outside Kafka, host:port, comma separated: the processes
// use it in place of the embedded broker.
const EnvBrokers = "ROLLCALL_TEST_BROKERS"

// Partitions is how many the topics of tests have: few, for speed.
const Partitions = "4"

// Timing of the processes under test, shorter than the defaults.
const (
	Grace     = time.Second
	EdgeLease = 2 * time.Second
	Beat      = 200 * time.Millisecond
)

// timing are the flags for it.
func timing() []string {
	return []string{"--leave-delay=" + Grace.String(), "--leave-delay-drain=" + Grace.String(), "--edge-lease=" + EdgeLease.String()}
}

// Standalone is the one process that is everything.
type Standalone struct {
	*Process
	Edge, EdgeOps, Presence, Notifier string // addresses
	Brokers                           []string
	Prefix                            string // of topics
}

// StartStandalone starts bin/standalone with its log in dataDir ("" for
// memory) and waits until it is ready. Where [EnvBrokers] is set it uses that
// Kafka with the given topic prefix.
func StartStandalone(t testing.TB, bin process.Binaries, dataDir, prefix string, more ...string) *Standalone {
	t.Helper()
	s := &Standalone{Edge: FreeAddr(t), EdgeOps: FreeAddr(t), Presence: FreeAddr(t), Notifier: FreeAddr(t), Prefix: prefix}
	args := []string{"--auth=none", "--edge-listen=" + s.Edge, "--edge-ops-listen=" + s.EdgeOps,
		"--presence-listen=" + s.Presence, "--notifier-listen=" + s.Notifier, "--data-dir=" + dataDir,
		"--kafka-partitions=" + Partitions, "--kafka-topic-prefix=" + prefix, "--heartbeat-interval=" + Beat.String(), "--instance-id=all-0"}
	if outside := os.Getenv(EnvBrokers); outside != "" {
		s.Brokers = strings.Split(outside, ",")
		args = append(args, "--kafka-brokers="+outside)
	} else {
		s.Brokers = []string{FreeAddr(t)}
		args = append(args, "--kafka-listen="+s.Brokers[0])
	}
	s.Process = Start(t, "standalone", bin.Path("standalone"), append(append(args, timing()...), more...)...)
	for _, ops := range []string{s.EdgeOps, s.Presence, s.Notifier} {
		s.Ready(ops)
	}
	return s
}
