package fold_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

const appliedJoin = "applied presence.joined mailbox@e1"

func TestStampsCountTheOutputsOfAnInput(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	r := wantStep(t, m, l.connected("e1", 1, 1, "alice"), appliedJoin)
	for i, o := range r.Outputs {
		if want := (schema.Sequence{Offset: 1, Index: i}); o.Sequence != want {
			t.Errorf("output %d has sequence %v, want %v", i, o.Sequence, want)
		}
	}
	ev, _, err := schema.Decode(r.Outputs[0].Value)
	if err != nil || ev.Source != "/tasks/rooms-inc/3" || ev.Sequence != r.Outputs[0].Sequence || ev.ID != r.Outputs[0].ID {
		t.Errorf("event %+v, %v", ev, err)
	}
	if got := r.Outputs[1].Mailbox.Entry.Sequence; got.Index != 1 {
		t.Errorf("mailbox entry has sequence %v", got)
	}
}

func TestOutputsHaveDistinctIDs(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	for i, user := range []string{"u1", "u2", "u3"} {
		m.Step(l.connected("e1", 1, int64(i+1), user))
	}
	r := m.Step(l.expired("e1", 1, 0))
	ids := map[string]bool{}
	for _, o := range r.Outputs {
		ids[o.ID] = true
	}
	if len(r.Outputs) != 6 || len(ids) != 6 {
		t.Errorf("%d outputs with %d ids, want a disconnected and a left of each of 3", len(r.Outputs), len(ids))
	}
}

func TestDuplicatesOfAnEdgeAreDropped(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 1, 1, "alice"), appliedJoin)
	wantStep(t, m, l.disconnected("e1", 1, 2, "alice"), "applied presence.left")
	wantStep(t, m, l.connected("e1", 1, 1, "alice"), "duplicate")
	wantStep(t, m, l.disconnected("e1", 1, 2, "alice"), "duplicate")
	wantStep(t, m, l.connected("e1", 1, 3, "alice"), appliedJoin)
}

func TestDuplicatesOfATaskAreDropped(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	end := &schema.SessionDisconnected{Ref: ref("e1", 1, "alice"), Reason: schema.ReasonEdgeLost}
	for _, step := range []struct {
		source string
		seq    int64
		want   string
	}{
		{"/tasks/presence-x/3", 7, "applied"},
		{"/tasks/presence-x/3", 7, "duplicate"},
		{"/tasks/presence-x/3", 6, "duplicate"},
		{"/tasks/presence-y/3", 6, "applied"}, // another incarnation counts anew
		{"/tasks/presence-x/4", 6, "applied"},
		{"/tasks/presence-x/3", 90, "applied"}, // no gaps between tasks: they write to many partitions
		{"/api/i-1", 5, "applied"},
		{"/api/i-1", 5, "applied"},
		{"https://elsewhere", 1, "applied"},
		{"https://elsewhere", 1, "applied"},
	} {
		wantStep(t, m, l.add(step.source, step.seq, schema.TypeSessionDisconnected, end), step.want)
	}
}

func TestScenario19GapsAreSeenOnceAndHealedByANewEpoch(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 1, 1, "u1"), appliedJoin)
	wantStep(t, m, l.connected("e1", 1, 3, "u3"), appliedJoin+" gap")
	wantStep(t, m, l.connected("e1", 1, 5, "u5"), appliedJoin)
	wantVerdicts(t, m, schema.EdgeVerdict{Edge: "e1", Epoch: 1, Verdict: schema.VerdictGap})
	wantStep(t, m, l.connected("e1", 2, 1, "u1"), appliedJoin)
	wantVerdicts(t, m)
	wantStep(t, m, l.connected("e1", 7, 2, "u1"), appliedJoin+" gap")
	wantVerdicts(t, m, schema.EdgeVerdict{Edge: "e1", Epoch: 7, Verdict: schema.VerdictGap})
}

func TestEpochZeroIsAnEpoch(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	wantStep(t, m, l.connected("e1", 0, 1, "u1"), appliedJoin)
	if got := m.Edges(); len(got) != 1 || got[0].Epoch != 0 {
		t.Errorf("leases: %v", got)
	}
}

func TestExemptTypesMoveTheWatermarkButAreNeverDropped(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 4, 1, "u1"), appliedJoin)
	wantStep(t, m, l.started("e1", 4, 2), "applied")
	wantStep(t, m, l.connected("e1", 4, 3, "u2"), appliedJoin) // no gap
	wantStep(t, m, l.started("e1", 4, 2), "applied")
	wantStep(t, m, l.connected("e1", 4, 3, "u2"), "duplicate")
}

func TestFence(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 4, 1, "old"), appliedJoin)
	wantStep(t, m, l.connected("e1", 5, 1, "new"), appliedJoin)
	wantStep(t, m, l.disconnected("e1", 4, 2, "old"), "fenced")
	wantStep(t, m, l.connected("e1", 4, 3, "late"), "fenced session.disconnected")
	wantStep(t, m, l.connected("e1", 4, 4, "old"), "fenced") // live still: its end is owed by edge.started
	wantStep(t, m, l.started("e1", 5, 2), "applied session.disconnected presence.left")
	wantStep(t, m, l.connected("e1", 4, 5, "old"), "fenced session.disconnected")
	wantStep(t, m, l.connected("e1", 5, 3, "new2"), appliedJoin)
}

func TestExpiredEpochIsFencedUntilANewerOne(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	owner := m.Owner().Epoch
	if owner != -1 {
		t.Fatalf("owner epoch %d before the first", owner)
	}
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 4, 1, "u1"), appliedJoin)
	wantStep(t, m, l.expired("e1", 4, 0), "applied session.disconnected presence.left")
	wantVerdicts(t, m, schema.EdgeVerdict{Edge: "e1", Epoch: 4, Verdict: schema.VerdictExpired})
	wantStep(t, m, l.connected("e1", 4, 2, "u2"), "fenced session.disconnected")
	wantStep(t, m, l.connected("e1", 4, 2, "u2"), "duplicate")
	wantStep(t, m, l.connected("e1", 4, 9, "u3"), "fenced session.disconnected") // a gap says nothing new
	wantStep(t, m, l.connected("e1", 5, 1, "u1"), appliedJoin)
	wantVerdicts(t, m)
	if got := m.Edges(); len(got) != 1 || got[0] != (fold.EdgeEpoch{Edge: "e1", Epoch: 5}) {
		t.Errorf("leases: %v", got)
	}
}

// An epoch that expires before anything of it was read counts from 1 like any
// other: what comes of it is fenced and answered, not taken for a repeat.
func TestAnEpochExpiresBeforeItsFirstEvent(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	wantStep(t, m, l.connected("e1", 4, 1, "u1"), appliedJoin)
	wantStep(t, m, l.expired("e1", 5, 0), "applied session.disconnected presence.left")
	wantStep(t, m, l.connected("e1", 5, 1, "u2"), "fenced session.disconnected")
}

// A verdict of an owner that was paused lands after its successor
// took over.
func TestScenario6StaleOwnersAreNotHeard(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", time.Minute)) // owner epoch 0
	wantStep(t, m, l.connected("e1", 4, 1, "u1"), appliedJoin)
	wantStep(t, m, l.disconnected("e1", 4, 2, "u1"), "applied") // cause 2
	m.Step(l.owner("b", time.Minute))                           // owner epoch 3
	if m.Owner().Epoch != 3 || m.Owner().Claim != "b" {
		t.Fatalf("owner %+v", m.Owner())
	}
	wantStep(t, m, l.expired("e1", 4, 0), "stale")
	wantStep(t, m, l.due("u1", 2, 0), "stale")
	wantStep(t, m, l.connected("e1", 4, 3, "u2"), appliedJoin)
	wantStep(t, m, l.due("u1", 2, 3), "applied presence.left")
	wantStep(t, m, l.due("u1", 2, 3), "applied")
}

// Dues in another order than their causes.
func TestScenario13DuesOutOfOrder(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", time.Minute))
	m.Step(l.connected("e1", 4, 1, "u1"))
	m.Step(l.connected("e1", 4, 2, "u2"))
	m.Step(l.disconnected("e1", 4, 3, "u1")) // cause 3
	m.Step(l.disconnected("e1", 4, 4, "u2")) // cause 4
	wantStep(t, m, l.due("u2", 4, 0), "applied presence.left")
	wantStep(t, m, l.due("u1", 3, 0), "applied presence.left")
}

func TestPoisonLeavesNoTraceButTheWatermark(t *testing.T) {
	for name, status := range map[string]string{
		"panic": rooms.StatusPanic, "large output": rooms.StatusLarge, "large entity": rooms.StatusBloat + "900000",
	} {
		t.Run(name, func(t *testing.T) {
			l, m := &log{t: t}, newMachine()
			wantStep(t, m, l.connected("e1", 1, 1, "u1"), appliedJoin)
			r := wantStep(t, m, l.connectedAs("e1", 1, 2, "u2", status), "poison")
			if r.Err == nil || len(r.Dues) > 0 {
				t.Errorf("result %+v", r)
			}
			if m.Snapshot().Len() != 1 {
				t.Error("the poisonous input changed the state")
			}
			wantStep(t, m, l.connected("e1", 1, 3, "u3"), appliedJoin) // no gap
		})
	}
}

func TestUndecodableAndUnknown(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	wantStep(t, m, l.connected("e1", 1, 1, "u1"), appliedJoin)
	wantStep(t, m, l.raw([]byte("{not json")), "poison")
	wantStep(t, m, l.raw(nil), "poison")
	wantStep(t, m, l.raw([]byte(`{"specversion":"1.0","id":"1","source":"/edges/e1/1","type":"rollcall.session.teleported.v1","time":"2026-01-01T00:00:00Z","sequence":"0000000000000002.0000","data":{}}`)), "unknown")
	bad := l.add(schema.EdgeSource("e1", 1), 3, schema.TypeSessionConnected, map[string]string{"user": "no session"})
	wantStep(t, m, bad, "poison")
	wantStep(t, m, l.connected("e1", 1, 4, "u2"), appliedJoin) // no gap: both were the edge's
	if m.Position() != int64(len(l.records)) {
		t.Errorf("position %d, want %d", m.Position(), len(l.records))
	}
}

func TestDuesFollowTheState(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", time.Minute))
	m.Step(l.connected("e1", 1, 1, "u1"))
	r := m.Step(l.disconnected("e1", 1, 2, "u1"))
	due := fold.Due{Delay: time.Minute, User: "u1", Session: "s-u1", Cause: 2}
	if len(r.Dues) != 1 || r.Dues[0] != (fold.DueChange{Key: rooms.Key("u1", "s-u1"), Due: due, Armed: true}) {
		t.Fatalf("dues %+v", r.Dues)
	}
	n := 0
	for d := range m.Dues() {
		n++
		if d.Due != due {
			t.Errorf("due %+v", d)
		}
	}
	r = m.Step(l.connected("e1", 1, 3, "u1"))
	if n != 1 || len(r.Dues) != 1 || r.Dues[0].Armed {
		t.Errorf("%d dues, then %+v", n, r.Dues)
	}
}

func TestWhatFellOutOfTheLogIsForgotten(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", 0))
	m.Step(l.connected("e1", 4, 1, "u1"))
	m.Step(l.connected("e2", 5, 1, "u2"))
	m.Step(l.expired("e2", 5, 0))
	end := &schema.SessionDisconnected{Ref: ref("e2", 5, "u2"), Reason: schema.ReasonEdgeLost}
	m.Step(l.add("/tasks/presence-x/3", 3, schema.TypeSessionDisconnected, end))
	flush(t, m)
	flush(t, m) // a tombstone
	if ee, ok := m.Forgettable(3); ok {
		t.Errorf("%v is forgettable, and its last record is there", ee)
	}
	if ee, ok := m.Forgettable(4); !ok || ee != (fold.EdgeEpoch{Edge: "e2", Epoch: 5}) {
		t.Errorf("forgettable: %v %v, want e2", ee, ok)
	}
	m.Step(l.forgotten("e2", 5, 0, 3))
	if len(m.Verdicts()) != 1 {
		t.Error("forgot an edge whose last record is there")
	}
	m.Step(l.forgotten("e2", 5, -1, 5)) // an owner's of long ago
	if len(m.Verdicts()) != 1 {
		t.Error("heard an owner that isn't the newest")
	}
	m.Step(l.forgotten("e2", 5, 0, 5))
	m.Step(l.forgotten("e2", 5, 0, 5))
	if len(m.Verdicts()) != 0 || len(m.Edges()) != 1 {
		t.Errorf("verdicts %v, leases %v; want the lease of e1 alone", m.Verdicts(), m.Edges())
	}
	var keys []string
	for _, c := range flush(t, m) {
		keys = append(keys, c.Key)
	}
	if got := strings.Join(keys, " "); got != "!edge/e2 !src//tasks/presence-x/3 !task" {
		t.Errorf("flush has %s", got)
	}
}

func TestSnapshotDoesNotChange(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.connected("e1", 1, 1, "u1"))
	before := m.Snapshot()
	m.Step(l.connected("e1", 1, 2, "u2"))
	m.Step(l.disconnected("e1", 1, 3, "u1"))
	if _, ok := before.Get(rooms.Key("u1", "s-u1")); !ok || before.Len() != 1 {
		t.Error("a snapshot changed")
	}
	if m.Snapshot().Len() != 1 {
		t.Errorf("%d entities, want u2 alone", m.Snapshot().Len())
	}
}

func wantVerdicts(t *testing.T, m *fold.Machine, want ...schema.EdgeVerdict) {
	t.Helper()
	got := m.Verdicts()
	if len(got) != len(want) {
		t.Fatalf("verdicts %+v, want %+v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("verdicts %+v, want %+v", got, want)
		}
	}
}

// flush takes a flush that fits into one batch.
func flush(t *testing.T, m *fold.Machine) []fold.Change {
	t.Helper()
	batches, err := m.Flush(limit)
	if err != nil || len(batches) != 1 {
		t.Fatalf("flush: %d batches, %v", len(batches), err)
	}
	return batches[0]
}

func TestFlushWritesADeletionThenItsTombstone(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	key := rooms.Key("u1", "s-u1")
	value := func() (v []byte, found bool) {
		for _, c := range flush(t, m) {
			if c.Key == key {
				v, found = c.Value, true
			}
		}
		return v, found
	}
	m.Step(l.connected("e1", 1, 1, "u1"))
	if v, ok := value(); !ok || !bytes.Contains(v, []byte("u1")) {
		t.Fatalf("first flush: %q", v)
	}
	m.Step(l.disconnected("e1", 1, 2, "u1"))
	if v, _ := value(); string(v) != `{"deleted":true,"position":2}` {
		t.Fatalf("deletion: %q", v)
	}
	if v, ok := value(); v != nil || !ok {
		t.Fatalf("tombstone: %q %v", v, ok)
	}
	if _, ok := value(); ok {
		t.Fatal("a second tombstone")
	}
	// Put again before the tombstone: there must be none.
	m.Step(l.connected("e1", 1, 3, "u1"))
	value()
	m.Step(l.disconnected("e1", 1, 4, "u1"))
	value()
	m.Step(l.connected("e1", 1, 5, "u1"))
	if v, _ := value(); !bytes.Contains(v, []byte("u1")) {
		t.Fatalf("put again: %q", v)
	}
	if _, ok := value(); ok {
		t.Fatal("a tombstone of what is there")
	}
}
