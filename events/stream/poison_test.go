package stream

import (
	"log/slog"
	"testing"
	"time"

	"rollcall.dev/events/bus"
)

func TestABadHeartbeatHindersNoOther(t *testing.T) {
	m := newMonitor(&Config{Kind: "presence", EdgeLease: time.Second, HeartbeatInterval: time.Second, Logger: slog.New(slog.DiscardHandler)}, "run")
	var bad []int64
	m.poison = func(rec bus.Record, cause error) {
		if cause == nil {
			t.Error("no cause")
		}
		bad = append(bad, rec.Offset)
	}
	m.take([]bus.Record{
		{Offset: 1, Value: []byte("this is no JSON")},
		{Offset: 2, Value: []byte(`{"kind":"presence"}`)},
		{Offset: 3},
		{Offset: 4, Value: []byte(`{"kind":"presence","instance":"p-1","partitions":[3]}`)},
	})
	if len(bad) != 3 || bad[2] != 3 {
		t.Errorf("bad are %v", bad)
	}
	if p, ok := m.owner(3); !ok || p.Instance != "p-1" {
		t.Errorf("owner %v %v", p, ok)
	}
}
