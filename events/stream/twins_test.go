package stream

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
)

// Nothing else says why such an edge takes a new epoch with every beat.
func TestAnEdgeThatBeatsLessOftenThanItsLeaseLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		m := newMonitor(&Config{Kind: schema.KindPresence, Instance: "p-0", EdgeLease: 5 * time.Second, HeartbeatInterval: time.Second,
			Logger: slog.New(slog.NewTextHandler(&said, nil))}, "a")
		beat := func(edge string, epoch, every int64) {
			m.heard(schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Claim: "c", IntervalMS: every}, 0)
			m.heard(schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Epoch: epoch, IntervalMS: every}, 0)
		}
		for epoch := range int64(3) {
			beat("E1", epoch+1, 6000)
			beat("E2", epoch+1, 1000)
			beat("E3", epoch+1, 0) // of a former version
			time.Sleep(6 * time.Second)
		}
		beat("E4", 1, 5000)
		for edge, want := range map[string]int{"E1": 1, "E2": 0, "E3": 0, "E4": 1} {
			if n := strings.Count(said.String(), "edge="+edge); n != want {
				t.Errorf("%s: said %d times, want %d", edge, n, want)
			}
		}
		for _, flag := range []string{"--heartbeat-interval", "--edge-lease", "heartbeat_interval=6s", "edge_lease=5s"} {
			if !strings.Contains(said.String(), flag) {
				t.Errorf("says nothing of %s: %s", flag, &said)
			}
		}
	})
}

// Two processes of one name own what each of them owns: whoever asks is sent to
// the right one. That they have one name is logged, once, by either.
func TestTwoProcessesOfOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		m := newMonitor(&Config{Kind: schema.KindPresence, Instance: "p-0", EdgeLease: 5 * time.Second, HeartbeatInterval: time.Second,
			Logger: slog.New(slog.NewTextHandler(&said, nil))}, "a")
		beat := func(run string, partition int32) {
			m.heard(schema.Heartbeat{Kind: schema.KindPresence, Instance: "p-0", Run: run, HTTP: run + ":8081", Partitions: []int32{partition}}, 0)
		}
		for range 5 { // as after a restart, whose predecessor is heard of for a while
			beat("b", 1)
			beat("a", 0)
			time.Sleep(time.Second)
		}
		if said.Len() > 0 {
			t.Errorf("said too early: %s", &said)
		}
		for range 3 {
			time.Sleep(time.Second)
			beat("b", 1)
			beat("a", 0)
		}
		if n := strings.Count(said.String(), "--instance-id"); n != 1 {
			t.Errorf("said %d times: %s", n, &said)
		}
		if p, ok := m.owner(0); !ok || !p.Own || p.HTTP != "a:8081" {
			t.Errorf("partition 0: %+v", p)
		}
		if p, ok := m.owner(1); !ok || p.Own || p.HTTP != "b:8081" {
			t.Errorf("partition 1: %+v", p)
		}
		time.Sleep(6 * time.Second)
		beat("a", 0)
		if p, ok := m.owner(1); ok {
			t.Errorf("partition 1 of who is gone: %+v", p)
		}
	})
}
