package fold_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// wave makes inputs whose outputs depend on every change before them: all come,
// come again, go and come back, so that a change too early or too late is heard.
func wave(t *testing.T, users, turns int) *log {
	l := &log{t: t}
	l.owner("a", 0)
	var seq int64
	for turn := range turns {
		for u := range users {
			seq++
			user := fmt.Sprintf("u%02d", u)
			if turn != 2 {
				l.connected("e1", 1, seq, user)
			} else {
				l.disconnected("e1", 1, seq, user)
			}
		}
	}
	return l
}

// killed runs a log in batches and is killed after the given numbers of writes,
// each counted from the restore before. It reports whether it was, each time.
type killed struct {
	t       *testing.T
	l       *log
	batch   int
	limit   int
	after   []int
	writes  int
	log     []fold.Change
	outputs []fold.Stamped
}

func (k *killed) write(b []fold.Change) (alive bool) {
	if len(k.after) > 0 {
		if k.after[0] == 0 {
			k.after = k.after[1:]
			return false
		}
		k.after[0]--
	}
	k.log = append(k.log, b...)
	k.writes++
	return true
}

func (k *killed) writeAll(batches [][]fold.Change) bool {
	for _, b := range batches {
		if !k.write(b) {
			return false
		}
	}
	return true
}

func (k *killed) restore() (*fold.Machine, bool) {
	r := fold.NewRestorer(rooms.Fold{}, partition)
	for _, c := range k.log {
		r.Add(c)
	}
	m, fresh, redo, err := r.Machine(k.limit)
	if err != nil {
		k.t.Fatal(err)
	}
	if fresh {
		m.Begin("inc", 0)
	}
	return m, k.writeAll(redo)
}

func (k *killed) run() *fold.Machine {
	for {
		m, alive := k.restore()
		for alive && int(m.Position()) < len(k.l.records) {
			from := int(m.Position())
			for _, rec := range k.l.records[from:min(from+k.batch, len(k.l.records))] {
				k.outputs = append(k.outputs, m.Step(rec).Outputs...)
			}
			batches, err := m.Flush(k.limit)
			if err != nil {
				k.t.Fatal(err)
			}
			alive = k.writeAll(batches)
		}
		if alive {
			return m
		}
	}
}

// Killed after every write, and once more after every write of the recovery.
func TestScenario14KilledAtEveryWrite(t *testing.T) {
	l := wave(t, 9, 4)
	ref := newMachine()
	var want []fold.Stamped
	for _, rec := range l.records {
		want = append(want, ref.Step(rec).Outputs...)
	}
	for _, batch := range []int{7, 9} {
		calm := &killed{t: t, l: l, batch: batch, limit: 900}
		calm.run()
		for first := range calm.writes {
			for second := range 6 {
				k := &killed{t: t, l: l, batch: batch, limit: 900, after: []int{first, second}}
				m := k.run()
				if got, want := dump(t, m), dump(t, ref); got != want {
					t.Fatalf("killed after %d and %d writes, state:\n%s\nwant:\n%s", first, second, got, want)
				}
				if got, want := accepted(k.outputs), accepted(want); !slices.Equal(got, want) {
					t.Fatalf("killed after %d and %d writes, outputs:\n%q\nwant:\n%q", first, second, got, want)
				}
			}
		}
	}
}

// What is gone leaves nothing behind: no chunk, no deletion.
func TestChangelogIsCleanedUp(t *testing.T) {
	for _, restored := range []bool{false, true} {
		k := &killed{t: t, l: wave(t, 12, 3), batch: 37, limit: 900}
		m := k.run()
		if n := live(k.log)["!redo/1"]; n == nil {
			t.Fatal("no redo log was written")
		}
		if restored {
			m, _ = k.restore()
		}
		for range 3 {
			batches, err := m.Flush(limit)
			if err != nil {
				t.Fatal(err)
			}
			k.writeAll(batches)
		}
		var keys []string
		for key := range live(k.log) {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != "!edge/e1 !task" {
			t.Errorf("restored %v: left in the changelog: %s", restored, got)
		}
	}
}

// live is what compaction leaves for good.
func live(log []fold.Change) map[string][]byte {
	last := map[string][]byte{}
	for _, c := range log {
		if last[c.Key] = c.Value; c.Value == nil {
			delete(last, c.Key)
		}
	}
	return last
}

func TestTornChunkIsAnError(t *testing.T) {
	k := &killed{t: t, l: wave(t, 12, 1), batch: 25, limit: 900}
	k.run()
	for i, c := range k.log {
		if c.Key == "!redo/0" {
			k.log[i].Value = c.Value[:len(c.Value)-3]
		}
	}
	r := fold.NewRestorer(rooms.Fold{}, partition)
	for _, c := range k.log {
		r.Add(c)
	}
	if _, _, _, err := r.Machine(limit); err == nil || !strings.Contains(err.Error(), "!redo/0") {
		t.Errorf("restored from a torn chunk: %v", err)
	}
}

func TestChangelogOfAnotherPartitionIsRefused(t *testing.T) {
	k := &killed{t: t, l: wave(t, 2, 1), batch: 25, limit: limit}
	k.run()
	r := fold.NewRestorer(rooms.Fold{}, partition+1)
	for _, c := range k.log {
		r.Add(c)
	}
	if _, _, _, err := r.Machine(limit); err == nil {
		t.Error("restored from the changelog of another partition")
	}
}

// Chunks that no flush names yet are nothing: whoever dies among the first ones
// of a changelog leaves the state as it was.
func TestChunksAreNotBelievedBeforeTheirCommit(t *testing.T) {
	l := wave(t, 9, 1)
	m := newMachine()
	first, err := m.Flush(10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range l.records {
		m.Step(rec)
	}
	batches, err := m.Flush(500)
	if err != nil {
		t.Fatal(err)
	}
	commit := slices.IndexFunc(batches, func(b []fold.Change) bool { return b[0].Key == fold.KeyTask })
	if commit < 2 {
		t.Fatalf("the commit is batch %d of %d: no chunks before it", commit, len(batches))
	}
	for n := range commit + 1 {
		r := fold.NewRestorer(rooms.Fold{}, partition)
		for _, b := range slices.Concat(first, batches[:n]) {
			for _, c := range b {
				r.Add(c)
			}
		}
		restored, _, redo, err := r.Machine(500)
		if err != nil {
			t.Fatal(err)
		}
		if restored.Position() != 0 || restored.Snapshot().Len() != 0 || len(redo) != 0 {
			t.Errorf("after %d chunks: position %d, %d entities, %d batches to be written again",
				n, restored.Position(), restored.Snapshot().Len(), len(redo))
		}
	}
}
