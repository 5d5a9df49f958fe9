package fold_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// drawLog makes an input partition as hostile as the rules of the log allow:
// repeats, gaps, late epochs, owners that come and go, poison.
func drawLog(rt *rapid.T, t testing.TB) *log {
	l := &log{t: t}
	var owner int64
	edges, users := []string{"e1", "e2", "e3"}, []string{"u1", "u2", "u3", "u4", "u5", "u6"}
	l.owner("first", time.Minute)
	for range rapid.IntRange(1, 60).Draw(rt, "length") {
		edge := rapid.SampledFrom(edges).Draw(rt, "edge")
		epoch := rapid.Int64Range(1, 4).Draw(rt, "epoch")
		seq := rapid.Int64Range(1, 12).Draw(rt, "seq")
		user := rapid.SampledFrom(users).Draw(rt, "user")
		switch rapid.IntRange(0, 12).Draw(rt, "kind") {
		case 0, 1, 2:
			l.connected(edge, epoch, seq, user)
		case 3, 4:
			l.disconnected(edge, epoch, seq, user)
		case 5:
			l.started(edge, epoch, seq)
		case 6:
			l.expired(edge, epoch, owner)
		case 7, 8:
			l.due(user, rapid.Int64Range(0, int64(len(l.records))).Draw(rt, "cause"), owner)
		case 9:
			delay := rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(rt, "delay")
			owner = l.owner("next", delay).Offset
		case 11:
			l.forgotten(edge, epoch, owner, rapid.Int64Range(1, int64(len(l.records))).Draw(rt, "log start"))
		case 10:
			l.connectedAs(edge, epoch, seq, user, rooms.StatusPanic)
		default:
			l.raw([]byte("poison"))
		}
	}
	return l
}

// world is a machine with its changelog and all that it has ever published.
type world struct {
	rt        *rapid.T
	l         *log
	limit     int
	m         *fold.Machine
	changelog []fold.Change
	published []fold.Stamped
	big       int
}

// appendBatches writes the first n batches; false if that is not all of them.
func (w *world) appendBatches(batches [][]fold.Change, n int) bool {
	for _, b := range batches[:min(n, len(batches))] {
		w.changelog = append(w.changelog, b...)
	}
	return n >= len(batches)
}

// survives draws how many of n writes happen before a crash, n if there is none.
func (w *world) survives(n int) int {
	if rapid.IntRange(0, 2).Draw(w.rt, "crash") > 0 {
		return n
	}
	return rapid.IntRange(0, n).Draw(w.rt, "written")
}

// restore takes over, until it isn't killed while it writes the redo log again.
func (w *world) restore() {
	for {
		r := fold.NewRestorer(rooms.Fold{}, partition)
		for _, c := range compact(w.rt, w.changelog) {
			r.Add(c)
		}
		m, fresh, redo, err := r.Machine(w.limit)
		if err != nil {
			w.rt.Fatal(err)
		}
		w.m = m
		if fresh {
			m.Begin("inc", 0)
		}
		if w.appendBatches(redo, w.survives(len(redo))) {
			return
		}
	}
}

// run folds a batch, publishes and flushes it; it may crash at any write.
func (w *world) run() {
	n := rapid.IntRange(1, 15).Draw(w.rt, "batch")
	from := int(w.m.Position())
	var outputs []fold.Stamped
	for _, rec := range w.l.records[from:min(from+n, len(w.l.records))] {
		outputs = append(outputs, w.m.Step(rec).Outputs...)
	}
	sent := w.survives(len(outputs))
	w.published = append(w.published, outputs[:sent]...)
	if sent < len(outputs) {
		w.restore()
		return
	}
	batches, err := w.m.Flush(w.limit)
	if err != nil {
		w.rt.Fatal(err)
	}
	if len(batches) > 1 {
		w.big++
	}
	if !w.appendBatches(batches, w.survives(len(batches))) || rapid.IntRange(0, 4).Draw(w.rt, "kill") == 0 {
		w.restore()
	}
}

// compact drops what the log cleaner may: of a beginning of the log, all but
// the last record of each key.
func compact(rt *rapid.T, log []fold.Change) []fold.Change {
	dirty := rapid.IntRange(0, len(log)).Draw(rt, "cleaned")
	last := map[string]int{}
	for i, c := range log {
		last[c.Key] = i
	}
	var kept []fold.Change
	for i, c := range log {
		if i >= dirty || last[c.Key] == i {
			kept = append(kept, c)
		}
	}
	return kept
}

// accepted is what a reader with a watermark takes of what was published.
func accepted(published []fold.Stamped) []string {
	var all []string
	watermark := schema.Sequence{Offset: -1}
	for _, o := range published {
		if o.Sequence.Above(watermark) {
			watermark = o.Sequence
			all = append(all, render(o))
		}
	}
	return all
}

func render(o fold.Stamped) string {
	if o.Mailbox != nil {
		return fmt.Sprintf("%v %s %+v", o.Sequence, o.Mailbox.Edge, o.Mailbox.Entry)
	}
	return fmt.Sprintf("%v %s %s %d %s", o.Sequence, o.Topic, o.Key, o.Partition, o.Value)
}

// Whatever the batches, whatever the crashes, whatever compaction left: the
// same state, and for readers the same outputs under the same stamps.
func TestScenario15ReplaysAreTheSame(t *testing.T) {
	big := 0
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLog(rt, t)
		ref := newMachine()
		var want []fold.Stamped
		for _, rec := range l.records {
			want = append(want, ref.Step(rec).Outputs...)
		}
		w := &world{rt: rt, l: l, limit: rapid.SampledFrom([]int{700, 900, 1500, limit}).Draw(rt, "limit")}
		w.restore()
		for int(w.m.Position()) < len(l.records) {
			w.run()
		}
		w.restoreQuietly()
		if got, want := dump(t, w.m), dump(t, ref); got != want {
			rt.Errorf("state after crashes:\n%s\nwithout:\n%s", got, want)
		}
		checkStamps(rt, w.published, want)
		big += w.big
	})
	t.Logf("%d flushes were larger than a batch", big)
	if big == 0 {
		t.Error("no flush was larger than a batch")
	}
}

// restoreQuietly restores from the whole changelog after a last flush.
func (w *world) restoreQuietly() {
	batches, err := w.m.Flush(w.limit)
	if err != nil {
		w.rt.Fatal(err)
	}
	w.appendBatches(batches, len(batches))
	r := fold.NewRestorer(rooms.Fold{}, partition)
	for _, c := range compact(w.rt, w.changelog) {
		r.Add(c)
	}
	if w.m, _, _, err = r.Machine(w.limit); err != nil {
		w.rt.Fatal(err)
	}
}

func checkStamps(rt *rapid.T, published, want []fold.Stamped) {
	once := map[schema.Sequence]string{}
	for _, o := range published {
		if said, ok := once[o.Sequence]; ok && said != render(o) {
			rt.Errorf("stamp %v was given twice:\n%s\n%s", o.Sequence, said, render(o))
		}
		once[o.Sequence] = render(o)
	}
	if len(once) != len(want) {
		rt.Errorf("%d stamps, want %d: %v", len(once), len(want), slices.Sorted(maps.Values(once)))
	}
	if got, want := accepted(published), accepted(want); !slices.Equal(got, want) {
		rt.Errorf("a reader with a watermark took\n%q\nwant\n%q", got, want)
	}
}
