package stream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
)

// Instances come and go while events flow; each partition is given back with
// its flush finished, and readers notice nothing.
func TestRebalancesWhileEventsFlow(t *testing.T) {
	w := newWorld(t, 1)
	var want []string
	visits := 0
	write := func(n int) {
		for range n {
			visits++
			w.connect("e1", 1, "alice")
			want = append(want, fmt.Sprintf("join alice %d", visits))
		}
	}
	s := w.start(w.config("i0"))
	for i := range 4 {
		write(20)
		next := w.start(w.config(fmt.Sprintf("i%d", i+1)))
		write(20)
		w.stop(s)
		write(20)
		s = next
	}
	w.running(s, 0)
	w.connect("e1", 1, "last")
	want = append(want, "join last 1")
	if got := readAll(w, "join last 1"); !slices.Equal(got, want) {
		t.Errorf("readers were told\n%q, want\n%q", got, want)
	}
}

// What an instance keeps over a rebalance comes back warm, what it gets from
// another is restored.
func TestOwnPartitionsComeBackWarm(t *testing.T) {
	w := newWorld(t, 4)
	all := []int32{0, 1, 2, 3}
	metrics := prometheus.NewRegistry()
	cfg := w.config("i0")
	cfg.Registerer = metrics
	s := w.start(cfg)
	w.running(s, all...)
	other := w.start(w.config("i1"))
	retry(t, func() bool { return len(s.Owned()) == 2 && len(other.Owned()) == 2 })
	w.stop(other)
	w.running(s, all...)
	const restores = "rollcall_stream_restores_total"
	if warm, cold := metric(t, metrics, restores+"/warm"), metric(t, metrics, restores+"/cold"); warm != 4 || cold != 6 {
		t.Errorf("%v warm and %v cold take-overs, want 2+2 and 4+2", warm, cold)
	}
}

// Scenario 8: Kafka is away for longer than a lease. Nobody expires, and all
// goes on.
func TestBrokerLossExpiresNobody(t *testing.T) {
	if brokertest.External() {
		t.Skip("an outside Kafka isn't restarted")
	}
	broker := brokertest.Start(t, brokertest.Durable())
	w := worldOn(t, broker.Addrs(), 1)
	s := w.start(impatient(w.config("i1")))
	w.alive("e1", 1)
	w.connect("e1", 1, "alice")
	w.running(s, 0)
	broker.Stop()
	<-time.After(1500 * time.Millisecond) // leases and more
	broker.Restart()
	w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	if got := readAll(w, "left alice"); !slices.Equal(got, []string{"join alice 1", "join alice 2", "left alice"}) {
		t.Errorf("readers were told %q", got)
	}
	input := w.tail(w.topics.Lifecycle(), 0)
	if ev, _ := input.event(schema.TypeEdgeExpired, schema.TypeSessionDisconnected); ev.Type == schema.TypeEdgeExpired {
		t.Error("an edge expired while nobody could be heard")
	}
}
