package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

func entry(edge string, epoch int64, partition int32, seq int64, data string) fold.Stamped {
	e := schema.MailboxEntry{Type: schema.TypePresenceLeft, Sequence: schema.Sequence{Offset: seq}, Data: json.RawMessage(data)}
	value, _ := json.Marshal(&e)
	return fold.Stamped{Sequence: e.Sequence, Value: value, Mailbox: &fold.MailboxOutput{Edge: edge, Epoch: epoch, Partition: partition, Entry: e}}
}

// An edge between two epochs reads its entries in their order all the same.
func TestMailboxEntriesAreGroupedByEdgeAndEpoch(t *testing.T) {
	plain := fold.Stamped{Topic: "channel.events", Key: "room", Partition: fold.AnyPartition, ID: "id", Value: []byte("{}")}
	recs := records(`/tasks/"x"/1`, "p.edge.mailbox", func(s string) string { return "p." + s }, []fold.Stamped{
		entry("e1", 1, 4, 10, `{"a":1}`), plain, entry("e1", 1, 4, 11, "0"), entry("e2", 1, 5, 12, "1"),
		entry(`e"1`, 1, 4, 13, "2"), entry("e1", 2, 4, 14, "3"), entry("e1", 1, 4, 15, "4"),
	})
	var got []string
	for _, rec := range recs.recs {
		if rec.Topic != "p.edge.mailbox" {
			got = append(got, fmt.Sprintf("%s %s %d", rec.Topic, rec.Key, rec.Partition))
			continue
		}
		var m schema.MailboxRecord
		if err := json.Unmarshal(rec.Value, &m); err != nil {
			t.Fatalf("%v in %s", err, rec.Value)
		}
		var seqs []int64
		for _, e := range m.Entries {
			seqs = append(seqs, e.Sequence.Offset)
		}
		if string(rec.Key) != m.Edge || m.Source != `/tasks/"x"/1` {
			t.Errorf("record %s of key %s", rec.Value, rec.Key)
		}
		got = append(got, fmt.Sprintf("%s/%d@%d %v", m.Edge, m.Epoch, rec.Partition, seqs))
	}
	want := []string{"e1/1@4 [10 11]", "p.channel.events room -1", "e2/1@5 [12]", `e"1/1@4 [13]`, "e1/2@4 [14]", "e1/1@4 [15]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMailboxRecordsAreSplit(t *testing.T) {
	var outputs []fold.Stamped
	for i := range 10 {
		outputs = append(outputs, entry("e1", 1, 0, int64(i), `"`+strings.Repeat("x", 150_000)+`"`))
	}
	outputs = append(outputs, entry("e1", 1, 0, 10, `"`+strings.Repeat("x", 700_000)+`"`), entry("e1", 1, 0, 11, "1"))
	next := int64(0)
	recs := records("s", "m", strings.Clone, outputs)
	for _, rec := range recs.recs {
		var m schema.MailboxRecord
		if err := json.Unmarshal(rec.Value, &m); err != nil {
			t.Fatal(err)
		}
		if len(m.Entries) > 1 && len(rec.Value) > maxMailboxRecord+2 {
			t.Errorf("record of %d bytes with %d entries", len(rec.Value), len(m.Entries))
		}
		for _, e := range m.Entries {
			if e.Sequence.Offset != next {
				t.Errorf("entry %d where %d is due", e.Sequence.Offset, next)
			}
			next++
		}
	}
	if next != 12 || len(recs.recs) != 6 {
		t.Errorf("%d entries in %d records", next, len(recs.recs))
	}
}

func TestDuesComeInTheOrderOfTheirTimes(t *testing.T) {
	d := newDues()
	arm := func(now time.Duration, key string, delay time.Duration) {
		d.change(now, fold.DueChange{Key: key, Due: fold.Due{Delay: delay}, Armed: true})
	}
	arm(0, "a", 10)
	arm(0, "b", 5)
	arm(1, "c", 5)
	arm(1, "gone", 1)
	d.change(2, fold.DueChange{Key: "gone"})
	d.change(2, fold.DueChange{Key: "never there"})
	arm(2, "a", 1) // anew
	var order []string
	for now := range time.Duration(10) {
		for x, ok := d.ripe(now); ok; x, ok = d.ripe(now) {
			order = append(order, fmt.Sprintf("%s@%d", x.key, now))
			d.again(x, 100)
		}
	}
	if want := []string{"a@3", "b@5", "c@6"}; !slices.Equal(order, want) {
		t.Errorf("got %q, want %q", order, want)
	}
	if at, ok := d.next(); !ok || at != 100 {
		t.Errorf("next at %v", at)
	}
}

// A due that has run before a rebalance goes on after it; one that was armed
// anew, or is another, begins.
func TestDuesGoOnWhereTheyWere(t *testing.T) {
	before, after := newDues(), newDues()
	arm := func(d *dues, now time.Duration, key string, cause int64) {
		d.change(now, fold.DueChange{Key: key, Due: fold.Due{Delay: 10, Cause: cause}, Armed: true})
	}
	arm(before, 3, "half", 1)
	arm(before, 0, "over", 2)
	arm(before, 3, "other", 3)
	arm(before, 3, "gone", 4)
	for i, key := range []string{"half", "over", "other", "new"} {
		arm(after, 1, key, []int64{1, 2, 33, 5}[i])
	}
	after.carry(before, 11)
	for key, want := range map[string]time.Duration{"half": 2, "over": 0, "other": 11, "new": 11} {
		if x := after.byKey[key]; x.ripe != want || x.at != want {
			t.Errorf("%s is ripe at %d and looked at at %d, want %d", key, x.ripe, x.at, want)
		}
	}
	if at, ok := after.next(); !ok || at != 0 || after.byKey["gone"] != nil {
		t.Errorf("next at %v", at)
	}
}

func TestWrittenIsPendingUntilItIsRead(t *testing.T) {
	var none *written
	w := &written{}
	w.next.Store(inFlight)
	if none.pending(0) || !w.pending(1000) {
		t.Error("in flight is pending, nothing isn't")
	}
	w.done(bus.Result{Offset: 7})
	if !w.pending(7) || w.pending(8) {
		t.Error("pending up to its offset, not after")
	}
	w.done(bus.Result{Offset: -1, Err: errors.New("x")})
	if w.pending(0) {
		t.Error("what has failed isn't pending")
	}
}

func TestBoardCanBeWaitedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard()
		done := make(chan error, 1)
		go func() { done <- b.wait(t.Context(), 3, Running) }()
		b.set(3, Restoring, nil, nil)
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("waited for restoring: %v", err)
		default:
		}
		b.set(3, Running, nil, nil)
		if err := <-done; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.wait(ctx, 3, Idle); err == nil || !strings.Contains(err.Error(), "is running, not idle") {
			t.Errorf("wait: %v", err)
		}
		if got := b.in(Running); !slices.Equal(got, []int32{3}) {
			t.Errorf("running: %v", got)
		}
	})
}

func TestBoardRefusesImpossibleTransitions(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("idle became running")
		}
	}()
	newBoard().set(0, Running, nil, nil)
}

func TestChunksCoverABatch(t *testing.T) {
	b := bus.Batch{Next: 5000, HighWatermark: 6000}
	for i := range 2500 {
		b.Records = append(b.Records, bus.Record{Offset: int64(i)})
	}
	var sizes []int
	var nexts []int64
	for _, c := range chunks(b) {
		sizes, nexts = append(sizes, len(c.records)), append(nexts, c.next)
	}
	if !slices.Equal(sizes, []int{1000, 1000, 500}) || !slices.Equal(nexts, []int64{1000, 2000, 5000}) {
		t.Errorf("sizes %v, next %v", sizes, nexts)
	}
	if got := chunks(bus.Batch{Next: 7, HighWatermark: 7}); len(got) != 1 || got[0].next != 7 {
		t.Errorf("an empty batch: %+v", got)
	}
}

func TestDeadLettersFitTheirTopic(t *testing.T) {
	task := &task{parts: parts{cfg: &Config{Fold: nameOnly{}}}}
	rec := task.deadLetter(fold.Record{Offset: 7, Key: []byte("k"), Value: []byte(strings.Repeat("\x01", 1_000_000))}, errors.New("why"))
	if n := bus.BatchSize([]bus.Record{rec}); n > bus.MaxBatchBytes {
		t.Errorf("a dead letter of %d bytes", n)
	}
	rec = task.deadLetter(fold.Record{Value: []byte(strings.Repeat("\x01", 150_000))}, errors.New(strings.Repeat("e", 2_000_000)))
	if n := bus.BatchSize([]bus.Record{rec}); n > bus.MaxBatchBytes {
		t.Errorf("a dead letter of %d bytes for a long error", n)
	}
}

type nameOnly struct{ fold.Fold }

func (nameOnly) Name() string { return "x" }

func TestAgingGoesThroughTheStateUntilNothingIsFound(t *testing.T) {
	var a aging
	if a.look(0, 0) {
		t.Fatal("looks before the log's start has moved")
	}
	a.moved(0, 10)
	w := &written{}
	w.next.Store(inFlight)
	for _, step := range []struct {
		name string
		do   func()
		now  time.Duration
		want bool
	}{
		{"at once", func() {}, 0, true},
		{"on, after a pause", func() { a.found, a.last = true, w; a.looked(0, "key") }, agingPause, true},
		{"not yet again", func() { a.looked(agingPause, "") }, agingPause, false},
		{"not while its records are under way", func() {}, agingPause + agingAgain, false},
		{"nor while they wait to be read", func() { w.done(bus.Result{Offset: 70}) }, agingPause + 2*agingAgain, false},
		{"again, since they were lost", func() { w.done(bus.Result{Err: errors.New("x")}) }, agingPause + 3*agingAgain, true},
		{"no more", func() { a.looked(0, "") }, time.Hour, false},
		{"the same start says nothing new", func() { a.moved(time.Hour, 10) }, time.Hour, false},
		{"anew", func() { a.moved(time.Hour, 11) }, time.Hour, true},
	} {
		step.do()
		if got := a.look(step.now, 70); got != step.want {
			t.Fatalf("%s: looks %v", step.name, got)
		}
	}
}
