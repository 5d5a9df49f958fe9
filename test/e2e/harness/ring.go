package harness

import (
	"fmt"
	"strings"
	"testing"

	"rollcall.dev/test/process"
)

// Service is one instance of edge, presence or notifier.
type Service struct {
	*Process
	ID     string
	Listen string // of an edge: where clients connect; else the operations too
	Ops    string
	path   string
	args   []string
}

// Ring is two of each service on one Kafka, with topics of its own.
type Ring struct {
	t                         testing.TB
	bin                       process.Binaries
	Brokers                   []string
	Prefix                    string
	Edges, Presence, Notifier []*Service
}

// StartRing starts two of each service and waits until all are ready.
func StartRing(t testing.TB, bin process.Binaries, brokers []string, prefix string) *Ring {
	t.Helper()
	r := &Ring{t: t, bin: bin, Brokers: brokers, Prefix: prefix}
	for i := range 2 {
		r.Presence = append(r.Presence, r.service("presence", i))
		r.Notifier = append(r.Notifier, r.service("notifier", i))
		r.Edges = append(r.Edges, r.service("edge", i))
	}
	for _, s := range r.all() {
		r.Launch(s)
	}
	for _, s := range r.all() {
		s.Ready(s.Ops)
	}
	return r
}

func (r *Ring) all() []*Service {
	return append(append(append([]*Service{}, r.Presence...), r.Notifier...), r.Edges...)
}

func (r *Ring) service(kind string, n int) *Service {
	s := &Service{ID: fmt.Sprintf("%s-%d", kind, n), Listen: FreeAddr(r.t), path: r.bin.Path(kind)}
	s.Ops = s.Listen
	s.args = []string{"--kafka-brokers=" + strings.Join(r.Brokers, ","), "--kafka-topic-prefix=" + r.Prefix,
		"--kafka-partitions=" + Partitions, "--instance-id=" + s.ID, "--listen=" + s.Listen, "--heartbeat-interval=" + Beat.String()}
	switch kind {
	case "edge":
		s.Ops = FreeAddr(r.t)
		s.args = append(s.args, "--auth=none", "--ops-listen="+s.Ops)
	case "presence":
		s.args = append(s.args, timing()...)
	case "notifier":
		s.args = append(s.args, "--edge-lease="+EdgeLease.String())
	}
	return s
}

// Add starts one more presence or notifier and waits until it is ready.
func (r *Ring) Add(kind string, n int) *Service {
	r.t.Helper()
	s := r.service(kind, n)
	r.Restart(s)
	return s
}

// Launch starts an instance, or one again that has ended, with its settings.
func (r *Ring) Launch(s *Service) { s.Process = Start(r.t, s.ID, s.path, s.args...) }

// Restart launches an instance and waits until it is ready.
func (r *Ring) Restart(s *Service) {
	r.t.Helper()
	r.Launch(s)
	s.Ready(s.Ops)
}
