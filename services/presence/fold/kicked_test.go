package fold

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

const kickA1 = `{"user":"alice","session":"a1","action":"kick","note":"out"}`

// gone are the steps after which a kick was accepted of a session whose edge is
// lost, and nothing holds its place any more.
var gone = []string{
	"connect a1 E1 -> joined @alice alice",
	"subscribe a1 room -> joined room alice",
	"expire E1 -> end a1/1 edge_lost",
	"kick alice ->",
	"due a1 -> left @alice alice edge_lost; left room alice edge_lost",
}

func TestAKickOutlivesTheHoldOfALostEdge(t *testing.T) {
	back := []string{
		"claim E1 ->",
		"announce a1 room -> joined @alice alice; joined room alice; mail E1/2 " + kickA1,
		"kicked a1 -> left @alice alice kicked; left room alice kicked",
	}
	for _, test := range []struct {
		name   string
		script []string
	}{
		{"announced after the hold", slices.Concat(gone, back)},
		{"the end that the task wrote is read late", slices.Concat(gone, []string{"readback ->"}, back)},
		{"a due that comes twice", slices.Concat(gone, []string{"due a1 ->"}, back)},
		{"a late connected of the epoch that is over", slices.Concat(gone,
			[]string{"claim E1 ->", "late a1 E1 -> end a1/1 edge_lost", "readback ->"}, back[1:2:2])},
		{"kicked before the edge was lost", slices.Concat(gone[:2:2],
			[]string{"kick alice a1 -> mail E1/1 " + kickA1, gone[2], gone[4]}, back)},
		{"lost once more on the way back", slices.Concat(gone, back[:2:2], []string{
			"expire E1 -> end a1/2 edge_lost",
			"due a1 -> left @alice alice edge_lost; left room alice edge_lost",
			"claim E1 ->",
			"announce a1 -> joined @alice alice; mail E1/3 " + kickA1})},
		{"its end on the way back", slices.Concat(gone, []string{
			"claim E1 ->", "drop a1 ->", "announce a1 -> joined @alice alice"})},
		{"forgotten by the log", slices.Concat(gone, []string{
			"forget a1 ->", "claim E1 ->", "announce a1 -> joined @alice alice"})},
		{"a second kick finds nobody", slices.Concat(gone, []string{"kick alice ->", "kick alice a1 ->"}, back)},
		{"another session of the user isn't meant", slices.Concat(gone, []string{
			"connect a2 E2 -> joined @alice alice",
			"claim E1 ->",
			"announce a1 -> mail E1/2 " + kickA1,
			"kicked a1 ->",
			"claim E2 ->",
			"announce a2 ->"})},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, grace)
			w.script(test.script...)
			w.sameAgain()
		})
	}
}

func TestAKickOutlivesALossThatHoldsNothing(t *testing.T) {
	newWorld(t, schema.Delays{}).script(
		"connect a1 E1 -> joined @alice alice",
		"kick alice -> mail E1/1 "+kickA1,
		"expire E1 -> end a1/1 edge_lost; left @alice alice edge_lost",
		"claim E1 ->",
		"announce a1 -> joined @alice alice; mail E1/2 "+kickA1,
	)
}

// Who repeats a kick with its key means those whom it met.
func TestAKickThatIsRepeatedMeetsNobodyNew(t *testing.T) {
	newWorld(t, grace).script(
		"connect a1 E1 -> joined @alice alice",
		"expire E1 -> end a1/1 edge_lost",
		"kick alice - key ->",
		"due a1 -> left @alice alice edge_lost",
		"connect a2 E2 -> joined @alice alice",
		"kick alice - key ->",
		"claim E1 ->",
		"announce a1 -> mail E1/2 "+kickA1,
		"kicked a1 ->",
		"kick alice - key ->",
	)
}

// The log's start ends the wait, no delay.
func TestAKickWaitsForAsLongAsTheLogGoesBack(t *testing.T) {
	w := newWorld(t, grace)
	w.script(gone...)
	key := kickedKey("alice", "a1")
	e, ok := w.store.Snapshot().Get(key)
	if !ok {
		t.Fatal("no kick waits")
	}
	want := stream.Due{Aged: true, User: "alice", Session: "a1", Cause: w.offset - 1}
	if due, ok := New().Due(key, e); !ok || due != want || New().Plain(key) {
		t.Errorf("waits for %+v, want %+v", due, want)
	}
}

// No kick waits for good: the end, the announcement and the log's start end it.
func TestAKickLeavesNothingBehind(t *testing.T) {
	for _, end := range [][]string{
		{"claim E1 ->", "drop a1 ->"},
		{"claim E1 ->", "announce a1 room -> joined @alice alice; joined room alice; mail E1/2 " + kickA1,
			"kicked a1 -> left @alice alice kicked; left room alice kicked"},
		{"forget a1 ->"},
	} {
		w := newWorld(t, grace)
		w.script(gone...)
		if n := w.store.Snapshot().Len(); n != 2 {
			t.Fatalf("%d entities, want when alice was seen and her kick", n)
		}
		w.script(end...)
		w.run("age alice")
		if left := dump(t, w.store); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	}
}

// kick names a user, or one session. It meets those that the log has live, or
// held for their lost edge.
func (m *model) kick() {
	session, any := m.pick("kicked", m.live())
	if !any {
		return
	}
	user, one := userOf(session), "-"
	if rapid.Bool().Draw(m.rt, "one") {
		one = session
	}
	for _, e := range m.store.Snapshot().Scan("") {
		var met string
		switch e := e.(type) {
		case *Session:
			met = e.ID
		case *Hold:
			if e.EdgeLost {
				met = e.Session
			}
		}
		if met != "" && userOf(met) == user && (one == "-" || one == met) {
			m.met[met] = true
		}
	}
	m.do("kick " + user + " " + one)
}

// deliver lets edges read their mailboxes: what is for the present epoch ends
// the session.
func (m *model) deliver() {
	mail := m.mail
	m.mail = nil
	for _, entry := range mail {
		var d schema.SessionCommand
		if err := json.Unmarshal(entry.Entry.Data, &d); err != nil {
			m.rt.Fatal(err)
		}
		if _, met := m.met[d.Session]; !met {
			m.rt.Fatalf("%s is kicked, and no kick has met it", d.Session)
		}
		if _, live := m.sessions[d.Session]; live && entry.Epoch == m.epoch(entry.Edge) {
			delete(m.sessions, d.Session)
			m.do("kicked " + d.Session)
		}
	}
}

// A kick ends every session that its user had at that point of the log, whatever
// became of the edge meanwhile, and no other.
func TestAKickMeetsAllThatThereWere(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			switch n := rapid.IntRange(0, 9).Draw(rt, "kicks"); n {
			case 0:
				m.kick()
			case 1:
				m.deliver()
			default:
				m.step()
			}
		}
		m.wake()
		m.deliver()
		for session, owed := range m.met {
			if _, live := m.sessions[session]; live && owed {
				rt.Fatalf("%s lives on, and a kick has met it", session)
			}
		}
		m.settle()
		m.check()
		m.sameAgain()
	})
}
