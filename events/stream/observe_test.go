package stream_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
)

// nextBeat is the next heartbeat of an instance that satisfies ok.
func nextBeat(l *tail, instance string, ok func(schema.Heartbeat) bool) schema.Heartbeat {
	l.w.t.Helper()
	for {
		var hb schema.Heartbeat
		mustJSON(l.w.t, l.next().Value, &hb)
		if hb.Instance == instance && ok(hb) {
			return hb
		}
	}
}

// Scenario 19: a gap is told to the edge until it comes with a new epoch.
func TestGapIsToldUntilANewEpoch(t *testing.T) {
	w := newWorld(t, 1)
	w.running(w.start(w.config("i1")), 0)
	w.alive("e1", 1)
	events, beats := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.Heartbeat(), 0)
	w.connect("e1", 1, "alice")
	w.seq[schema.EdgeSource("e1", 1)] += 3 // lost
	w.connect("e1", 1, "bob")
	wantSaid(t, events.said(2), "join alice 1", "join bob 1")
	hb := nextBeat(beats, "i1", func(hb schema.Heartbeat) bool { return len(hb.Verdicts) > 0 })
	if hb.Verdicts[0] != (schema.EdgeVerdict{Edge: "e1", Epoch: 1, Verdict: schema.VerdictGap}) {
		t.Fatalf("verdicts %+v", hb.Verdicts)
	}
	w.alive("e1", 9)
	w.connect("e1", 9, "bob")
	nextBeat(beats, "i1", func(hb schema.Heartbeat) bool { return len(hb.Verdicts) == 0 })
}

func TestHeartbeatTellsWhatIsOwned(t *testing.T) {
	w := newWorld(t, 2)
	cfg := w.config("i1")
	cfg.HTTP = "http://i1"
	s := w.start(cfg)
	w.running(s, 0, 1)
	beats := w.tail(w.topics.Heartbeat(), 0)
	hb := nextBeat(beats, "i1", func(hb schema.Heartbeat) bool { return len(hb.Partitions) == 2 })
	if hb.Kind != schema.KindPresence || hb.HTTP != "http://i1" || hb.Run == "" || hb.Beat == 0 {
		t.Errorf("heartbeat %+v", hb)
	}
	w.stop(s)
	// The last one gives everything up, so that nobody asks here any more.
	nextBeat(beats, "i1", func(hb schema.Heartbeat) bool { return len(hb.Partitions) == 0 })
}

func TestReadyTellsWhatIsMissing(t *testing.T) {
	w := newWorld(t, 1)
	s := mustNew(t, w.config("i1"))
	wantNotReady(t, s, "has not started")
	if err := s.Start(deadline(t)); err != nil {
		t.Fatal(err)
	}
	w.running(s, 0)
	w.ready(s)
	if _, ok := s.View(1); ok {
		t.Error("a view of a partition that doesn't exist")
	}
	w.stop(s)
	wantNotReady(t, s, "has stopped")
	if s.State(0) != stream.Idle || len(s.Owned()) != 0 {
		t.Errorf("partition 0 is %v after the stop", s.State(0))
	}
	if _, ok := s.View(0); ok {
		t.Error("a view after the stop")
	}
}

func wantNotReady(t *testing.T, s *stream.Service, why string) {
	t.Helper()
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), why) {
		t.Errorf("ready: %v, want %q", err, why)
	}
}

func TestMetricsCountWhatBecameOfRecords(t *testing.T) {
	w := newWorld(t, 1)
	cfg, reg := w.config("i1"), prometheus.NewRegistry()
	cfg.Registerer = reg
	w.start(cfg)
	events := w.tail(w.topics.ChannelEvents(), 0)
	connected := &schema.SessionConnected{Ref: ref("e1", 1, "alice")}
	source := schema.EdgeSource("e1", 1)
	w.writeAs(source, 1, schema.TypeSessionConnected, connected)
	w.writeAs(source, 1, schema.TypeSessionConnected, connected)
	w.raw(w.topics.Lifecycle(), []byte("poison"))
	w.writeAs(schema.EdgeSource("e1", 0), 1, schema.TypeSessionUpdated, &schema.SessionUpdated{Ref: ref("e1", 0, "alice")})
	w.writeAs(source, 5, schema.TypeSessionConnected, connected)
	wantSaid(t, events.said(2), "join alice 1", "join alice 2")
	for name, want := range map[string]float64{
		"rollcall_stream_records_total/duplicate": 1, "rollcall_stream_records_total/poison": 1,
		"rollcall_stream_records_total/fenced": 1, "rollcall_stream_gaps_total/": 1, "rollcall_stream_outputs_total/": 4,
	} {
		if got := metric(t, reg, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	retry(t, func() bool { return metric(t, reg, "rollcall_stream_flushes_total/") > 0 })
}

// metric is the value under "name/label", whatever the label's name.
func metric(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	name, label, _ := strings.Cut(name, "/")
	for _, f := range families {
		for _, m := range f.GetMetric() {
			has := label == ""
			for _, l := range m.GetLabel() {
				has = has || l.GetValue() == label
			}
			if f.GetName() == name && has {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// Scenario 16: one expiry ends many sessions; each is told once, in the order
// of the index, and their ends stand in the input as well.
func TestOneExpiryEndsManySessions(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(impatient(w.config("i1")))
	w.running(s, 0)
	stop := w.alive("e1", 1)
	const n = 1250
	var want []string
	for i := range n {
		user := "u" + string(rune('a'+i/100)) + string(rune('a'+i/10%10)) + string(rune('a'+i%10))
		w.connect("e1", 1, user)
		want = append(want, "left "+user)
	}
	events := w.tail(w.topics.ChannelEvents(), 0)
	events.said(n)
	stop()
	wantSaid(t, events.said(n), want...)
	input := w.tail(w.topics.Lifecycle(), 0)
	seen := map[schema.Sequence]bool{}
	for range n {
		ev, _ := input.event(schema.TypeSessionDisconnected)
		seen[ev.Sequence] = true
	}
	if len(seen) != n {
		t.Errorf("%d stamps for %d ends", len(seen), n)
	}
	if v, ok := s.View(0); !ok || v.Len() != 0 {
		t.Errorf("state after all have left: %d", v.Len())
	}
}
