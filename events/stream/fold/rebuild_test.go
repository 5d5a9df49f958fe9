package fold_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// rebuild takes over as --rebuild does. Killed before it has replaced the
// changelog, it leaves the state that there was.
func (w *world) rebuild(from int64) {
	for {
		former := dump(w.l.t, w.read())
		r := fold.NewRebuilder(rooms.Fold{}, partition)
		for _, c := range compact(w.rt, w.changelog) {
			r.Add(c)
		}
		m, redo := r.Machine(from, int64(len(w.l.records)), "new", schema.Delays{}, w.limit)
		if m.Incarnation() != "inc" {
			w.rt.Fatalf("incarnation %q", m.Incarnation())
		}
		batches, err := m.Flush(w.limit)
		if err != nil {
			w.rt.Fatal(err)
		}
		all := append(redo, batches...)
		if w.m = m; w.appendBatches(all, w.survives(len(all))) {
			return
		}
		w.restore()
		if got := dump(w.l.t, w.m); got != former && (w.m.Position() != from || w.m.Snapshot().Len() > 0) {
			w.rt.Fatalf("killed while it replaced the changelog:\n%s\nbefore:\n%s", got, former)
		}
	}
}

// A state that is made anew from the whole log is the one that there was, and
// nobody has heard of it, whatever crashes; what stands in the changelog then is
// that state alone.
func TestRebuildGivesTheSameAndIsNotHeard(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLog(rt, t)
		ref := newMachine()
		var want []fold.Stamped
		for _, rec := range l.records {
			want = append(want, ref.Step(rec).Outputs...)
		}
		w := &world{rt: rt, l: l, limit: rapid.SampledFrom([]int{700, 900, 1500, limit}).Draw(rt, "limit")}
		w.found()
		end := rapid.IntRange(0, len(l.records)).Draw(rt, "rebuilt at")
		for int(w.m.Position()) < end {
			w.run()
		}
		w.die()
		said, told := len(w.published), w.read().Position()
		w.changelog = append(w.changelog, fold.Change{Key: rooms.Key("ghost", "s"), Value: []byte(`{"User":"ghost","Session":"s"}`)},
			fold.Change{Key: rooms.Key("junk", "s"), Value: []byte("junk")})
		w.rebuild(0)
		for int(w.m.Position()) < len(l.records) {
			w.run()
		}
		w.restoreQuietly()
		if got, want := dump(t, w.m), dump(t, ref); got != want {
			rt.Errorf("rebuilt:\n%s\nwithout:\n%s", got, want)
		}
		checkStamps(rt, w.published, want)
		for _, o := range w.published[said:] {
			if o.Sequence.Offset < told {
				rt.Errorf("%s is written again, though all below %d stood in the topics", render(o), told)
			}
		}
	})
}

// found begins the changelog, as the first owner does before it folds.
func (w *world) found() {
	w.restore()
	batches, err := w.m.Flush(w.limit)
	if err != nil {
		w.rt.Fatal(err)
	}
	w.appendBatches(batches, len(batches))
}

// die folds a batch, publishes it and is killed somewhere in its flush.
func (w *world) die() {
	from := int(w.m.Position())
	for _, rec := range w.l.records[from:min(from+15, len(w.l.records))] {
		w.published = append(w.published, w.m.Step(rec).Outputs...)
	}
	batches, err := w.m.Flush(w.limit)
	if err != nil {
		w.rt.Fatal(err)
	}
	w.appendBatches(batches, rapid.IntRange(0, len(batches)).Draw(w.rt, "flushed"))
}

// read is what a restore would give.
func (w *world) read() *fold.Machine {
	r := fold.NewRestorer(rooms.Fold{}, partition)
	for _, c := range w.changelog {
		r.Add(c)
	}
	m, _, _, err := r.Machine(w.limit)
	if err != nil {
		w.rt.Fatal(err)
	}
	return m
}

// Scenario 20: the log's head is gone, and with it the session's beginning and
// the owner; what is there of the session is that it was announced again.
func TestScenario20SessionOlderThanTheRetention(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	l.owner("a", 0)
	l.connected("e1", 1, 1, "alice")
	l.connected("e1", 1, 2, "bob")
	from := l.disconnected("e1", 1, 3, "bob").Offset
	again := l.add(schema.EdgeSource("e1", 1), 4, schema.TypeSessionConnected,
		&schema.SessionConnected{Ref: ref("e1", 1, "alice"), Reannounced: true})
	for _, rec := range l.records {
		m.Step(rec)
	}
	changelog := flushed(t, m)

	r := fold.NewRebuilder(rooms.Fold{}, partition)
	for _, c := range changelog {
		r.Add(c)
	}
	m, _ = r.Machine(from, again.Offset+1, "new", schema.Delays{}, limit)
	if m.Owner().Claim != "a" || m.Incarnation() != "inc" {
		t.Errorf("owner %+v, incarnation %q, want those that there were", m.Owner(), m.Incarnation())
	}
	changelog = append(changelog, flushed(t, m)...)
	m = restored(t, changelog) // the rebuilder died, another one goes on
	for _, rec := range l.records[from:] {
		wantStep(t, m, rec, "applied")
	}
	if got := dump(t, m); !strings.Contains(got, "User:alice") || strings.Contains(got, "User:bob") {
		t.Errorf("want alice alone, without a gap in e1:\n%s", got)
	}
	if verdicts := m.Verdicts(); len(verdicts) > 0 {
		t.Errorf("verdicts %+v", verdicts)
	}
	changelog = append(changelog, flushed(t, m)...)
	m = restored(t, changelog)
	wantStep(t, m, l.disconnected("e1", 1, 5, "alice"), "applied presence.left")
	wantStep(t, m, l.connected("e2", 1, 2, "carol"), "applied presence.joined mailbox@e2 gap")
}

func flushed(t *testing.T, m *fold.Machine) (all []fold.Change) {
	t.Helper()
	batches, err := m.Flush(limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		all = append(all, b...)
	}
	return all
}

func restored(t *testing.T, changelog []fold.Change) *fold.Machine {
	t.Helper()
	r := fold.NewRestorer(rooms.Fold{}, partition)
	for _, c := range changelog {
		r.Add(c)
	}
	m, fresh, _, err := r.Machine(limit)
	if err != nil || fresh {
		t.Fatalf("fresh %v, %v", fresh, err)
	}
	return m
}

// Where it isn't known what readers have heard, they hear it under a new name.
func TestRebuildWithoutAKnownPosition(t *testing.T) {
	l := &log{t: t}
	for _, task := range []string{"", "junk", `{"fold":"rooms","partition":3,"incarnation":"inc","position":9}`} {
		r := fold.NewRebuilder(rooms.Fold{}, partition)
		r.Add(fold.Change{Key: rooms.Key("ghost", "s"), Value: []byte("{}")})
		if task != "" {
			r.Add(fold.Change{Key: fold.KeyTask, Value: []byte(task)})
		}
		m, _ := r.Machine(0, 1, "new", schema.Delays{}, limit)
		if m.Incarnation() != "new" {
			t.Errorf("task %q: incarnation %q", task, m.Incarnation())
		}
		if m = restored(t, flushed(t, m)); m.Snapshot().Len() != 0 {
			t.Errorf("task %q: ghosts", task)
		}
		wantStep(t, m, l.connected("e1", 1, 1, "alice"), "applied presence.joined mailbox@e1")
	}
}
