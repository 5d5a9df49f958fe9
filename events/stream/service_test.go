package stream_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/internal/rooms"
)

func wantSaid(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestInputBecomesOutputAndState(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(w.config("i1"))
	w.running(s, 0)
	events, box := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.Mailbox(), 0)
	at := w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	w.connect("e1", 1, "bob")
	wantSaid(t, events.said(3), "join alice 1", "left alice", "join bob 1")

	var rec schema.MailboxRecord
	first := box.next()
	mustJSON(t, first.Value, &rec)
	if rec.Edge != "e1" || rec.Epoch != 1 || string(first.Key) != "e1" ||
		rec.Entries[0].Sequence != (schema.Sequence{Offset: at, Index: 1}) || !strings.HasPrefix(rec.Source, "/tasks/rooms-") {
		t.Errorf("mailbox record %s", first.Value)
	}
	v, ok := s.View(0)
	if !ok || v.Len() != 1 || v.Position != at+3 || v.Stale {
		t.Errorf("view %+v %v", v, ok)
	}
	if _, ok := v.Get(rooms.Key("bob", "s-bob")); !ok {
		t.Error("bob isn't in the view")
	}
	w.ready(s)
}

func TestRestartGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(w.config("i1"))
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	wantSaid(t, events.said(1), "join alice 1")
	w.stop(s)
	w.connect("e1", 1, "alice")
	w.connect("e1", 1, "bob")
	s = w.start(w.config("i2"))
	wantSaid(t, events.said(2), "join alice 2", "join bob 1")
	w.running(s, 0)
	w.connect("e1", 1, "carol")
	ev, _ := events.event(schema.TypePresenceJoined)
	first, _ := w.tail(w.topics.ChannelEvents(), 0).event(schema.TypePresenceJoined)
	if ev.Source != first.Source {
		t.Errorf("source %s after a restart, %s before", ev.Source, first.Source)
	}
}

func TestPoisonGoesToTheDeadLetter(t *testing.T) {
	w := newWorld(t, 1)
	w.start(w.config("i1"))
	events, dead := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.DeadLetter(), 0)
	at := w.raw(w.topics.Lifecycle(), []byte("not an event"))
	w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, "mallory"), Status: rooms.StatusPanic})
	w.connect("e1", 1, "alice")
	wantSaid(t, events.said(1), "join alice 1")
	var letter schema.DeadLetter
	mustJSON(t, dead.next().Value, &letter)
	if letter.Offset != at || letter.Text != "not an event" || letter.Service != "rooms" || letter.Error == "" {
		t.Errorf("dead letter %+v", letter)
	}
	mustJSON(t, dead.next().Value, &letter)
	if !strings.Contains(letter.Error, "panic: told to") {
		t.Errorf("dead letter %+v", letter)
	}
}

// One decodable record that names a partition of no mailbox is set aside.
func TestAnOutputToNoPartitionGoesToTheDeadLetter(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(w.config("i1"))
	events, dead := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.DeadLetter(), 0)
	at := w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, "mallory"), MailboxPartition: 9999})
	w.connect("e1", 1, "alice")
	wantSaid(t, events.said(1), "join alice 1")
	var letter schema.DeadLetter
	mustJSON(t, dead.next().Value, &letter)
	if letter.Offset != at || !strings.Contains(letter.Error, "partition 9999 of edge.mailbox, which has 1") {
		t.Errorf("dead letter %+v", letter)
	}
	w.ready(s)
}

func TestDueIsWrittenAfterItsDelay(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config("i1")
	cfg.Delays.UncleanMS = 150
	w.start(cfg)
	w.alive("e1", 1)
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	w.connect("e1", 1, "bob")
	wantSaid(t, events.said(2), "join alice 1", "join bob 1")
	begin := time.Now()
	w.disconnect("e1", 1, "alice")
	w.disconnect("e1", 1, "bob")
	w.connect("e1", 1, "bob") // back in time
	wantSaid(t, events.said(2), "join bob 2", "left alice")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("left after %v", took)
	}
	// bob's due must not come: what comes next is carol.
	w.connect("e1", 1, "carol")
	wantSaid(t, events.said(1), "join carol 1")
}

func TestNewOwnerCountsADelayAnew(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config("i1")
	cfg.Delays.UncleanMS = 300
	s := w.start(cfg)
	stop := w.alive("e1", 1)
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	w.running(s, 0)
	w.stop(s)
	cfg.Instance = "i2"
	w.start(cfg)
	wantSaid(t, events.said(2), "join alice 1", "left alice")
	stop()
	due, _ := w.tail(w.topics.Lifecycle(), 0).event(schema.TypeLeaveDue)
	if !strings.HasPrefix(due.Source, "/tasks/rooms-") {
		t.Errorf("due of %s", due.Source)
	}
}

func TestSilentEdgeExpires(t *testing.T) {
	w := newWorld(t, 1)
	w.start(impatient(w.config("i1")))
	stop := w.alive("e1", 1)
	w.alive("e2", 2)
	events, input := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.Lifecycle(), 0)
	w.connect("e1", 1, "alice")
	w.connect("e2", 2, "bob")
	wantSaid(t, events.said(2), "join alice 1", "join bob 1")
	stop()
	wantSaid(t, events.said(1), "left alice")
	_, data := input.event(schema.TypeEdgeExpired)
	if d := data.(*schema.EdgeExpired); d.Edge != "e1" || d.Epoch != 1 {
		t.Errorf("expired %+v", d)
	}
	_, data = input.event(schema.TypeSessionDisconnected)
	if d := data.(*schema.SessionDisconnected); d.User != "alice" || d.Reason != schema.ReasonEdgeLost {
		t.Errorf("disconnected %+v", d)
	}
	// Scenario 12: it wakes up, still under the old epoch, and hears of it.
	w.alive("e1", 1)
	beats := w.tail(w.topics.Heartbeat(), 0)
	for {
		var hb schema.Heartbeat
		mustJSON(t, beats.next().Value, &hb)
		if len(hb.Verdicts) > 0 {
			if hb.Verdicts[0] != (schema.EdgeVerdict{Edge: "e1", Epoch: 1, Verdict: schema.VerdictExpired}) {
				t.Errorf("verdicts %+v", hb.Verdicts)
			}
			break
		}
	}
}

// An edge that was never heard has a lease from its first event.
func TestScenario10EdgeThatWasNeverHeardExpires(t *testing.T) {
	w := newWorld(t, 1)
	w.start(impatient(w.config("i1")))
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	wantSaid(t, events.said(2), "join alice 1", "left alice")
}

// What was written before there was any owner waits no shorter.
func TestDelaysHoldBeforeTheFirstOwner(t *testing.T) {
	w := newWorld(t, 1)
	w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	w.connect("e1", 1, "alice")
	cfg := w.config("i1")
	cfg.Delays.UncleanMS = 60_000
	w.start(cfg)
	wantSaid(t, w.tail(w.topics.ChannelEvents(), 0).said(2), "join alice 1", "join alice 2")
}

// Scenario 1: while an edge has a backlog, a return may wait in it.
func TestDueWaitsForAnEdgeWithABacklog(t *testing.T) {
	w := newWorld(t, 1)
	cfg := w.config("i1")
	cfg.Delays.UncleanMS = 50
	s := w.start(cfg)
	w.alive("e1", 1)
	stop := w.aliveAs(schema.Heartbeat{Instance: "e2", Epoch: 2, OldestMS: 1500})
	retry(t, func() bool { return len(s.Edges()) == 2 })
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "alice")
	w.disconnect("e1", 1, "alice")
	wantSaid(t, events.said(1), "join alice 1")
	begin := time.Now()
	caughtUp := make(chan struct{})
	go func() {
		defer close(caughtUp)
		<-time.After(400 * time.Millisecond)
		stop()
		w.alive("e2", 2)
	}()
	defer func() { <-caughtUp }()
	wantSaid(t, events.said(1), "left alice")
	if took := time.Since(begin); took < 400*time.Millisecond {
		t.Errorf("left after %v, before the backlog was gone", took)
	}
}

func TestTwoInstancesShareThePartitions(t *testing.T) {
	w := newWorld(t, 2)
	a := w.start(w.config("a"))
	w.running(a, 0, 1)
	cfg := w.config("b")
	cfg.HTTP = "http://b"
	b := w.start(cfg)
	retry(t, func() bool { return len(a.Owned()) == 1 && len(b.Owned()) == 1 })
	p := b.Owned()[0]
	retry(t, func() bool {
		peer, ok := a.OwnerOf(p)
		return ok && peer.Instance == "b" && peer.HTTP == "http://b" && a.Ready() == nil && b.Ready() == nil
	})
	if a.State(p) != stream.Idle {
		t.Errorf("partition %d is %v at its former owner", p, a.State(p))
	}
	w.stop(a)
	w.running(b, 0, 1)
}

func TestStartRefusesTopicsThatDoNotPair(t *testing.T) {
	w := newWorld(t, 2)
	cfg := w.config("i1")
	cfg.Changelog = w.topics.Heartbeat() // one partition
	s, err := stream.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Start(deadline(t))
	if e, ok := asPartitionCount(err); !ok || e.Want != 2 || e.Have != 1 {
		t.Errorf("start: %v", err)
	}
}

func TestAppendFromTheAPI(t *testing.T) {
	w := newWorld(t, 2)
	s := w.start(w.config("i1"))
	end := &schema.SessionCommand{User: "alice", Action: schema.ActionKick}
	p, at, err := s.Append(deadline(t), schema.TypeSessionCommand, "alice", "alice", end)
	if err != nil || p != bus.Partition([]byte("alice"), 2) {
		t.Fatalf("append: %d %d %v", p, at, err)
	}
	ev, _ := w.tail(w.topics.Lifecycle(), p).event(schema.TypeSessionCommand)
	if schema.ParseSource(ev.Source).Kind != schema.SourceAPI {
		t.Errorf("source %s", ev.Source)
	}
}

func retry(t testing.TB, ok func() bool) {
	t.Helper()
	for ctx := deadline(t); !ok(); {
		select {
		case <-ctx.Done():
			t.Fatal("never came true")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
