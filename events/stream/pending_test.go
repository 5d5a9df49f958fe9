package stream

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// answer is what each input of chatty makes, in bytes and more.
const answer = 400_000

// chatty answers every input with much, as a notifier answers interest in a
// room of many.
type chatty struct{ rooms.Fold }

func (chatty) Apply(tx *fold.Tx, _ fold.Input) {
	data, _ := json.Marshal(strings.Repeat("x", answer/2))
	for range 2 {
		tx.Emit(fold.Output{Mailbox: &fold.MailboxOutput{Edge: "e1", Epoch: 1, Entry: schema.MailboxEntry{
			Type: schema.MailboxState, Channel: "fat", Data: data}}})
	}
}

// idleTask folds and has nobody to write to.
func idleTask(t *testing.T, f fold.Fold) *task {
	t.Helper()
	cfg := &Config{Fold: f, Kind: schema.KindNotifier, Partitions: 1, EdgeLease: time.Minute, HeartbeatInterval: time.Second, Logger: slog.New(slog.DiscardHandler)}
	client, err := bus.Open(bus.Config{Brokers: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Client = client
	x := newTask(parts{cfg: cfg, metrics: newMetrics(f.Name(), nil), monitor: newMonitor(cfg, "run"), board: newBoard(), shelf: newShelf(), rebuilds: newRebuilds(false)}, 0, newProgress(time.Now()))
	x.machine = fold.NewMachine(f, 0)
	x.machine.Begin("inc", 0)
	x.owns = true
	return x
}

func inputs(t *testing.T, n int) (all []fold.Decoded) {
	t.Helper()
	for i := range n {
		stamp := schema.Stamp{Source: schema.EdgeSource("e1", 1), Sequence: schema.Sequence{Offset: int64(i + 1)}}
		_, value, err := schema.Encode(schema.TypeEdgeInterested, "", schema.At(time.Now()), stamp, schema.TopicChannelEvents, 0,
			&schema.EdgeInterested{Channel: "fat", Edge: "e1", Epoch: 1, Request: int64(i)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fold.Decode(fold.Record{Offset: int64(i), Key: []byte("fat"), Value: value}))
	}
	return all
}

// Scenario: one client asks for a large room over and over while a flush is in
// flight. What is folded meanwhile is bounded, whatever the reader brings.
func TestPendingOutputsAreBounded(t *testing.T) {
	const n = 200
	x := idleTask(t, chatty{})
	x.accept(chunk{records: inputs(t, n), next: n, highWatermark: n})
	f := &flusher{busy: true} // and stays so, until the test takes what is pending
	var got []schema.Sequence
	rounds := 0
	for ; ; rounds++ {
		if err := x.forward(f); err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, o := range x.pending.outputs {
			sum += len(o.Value)
			got = append(got, o.Sequence)
			if o.Mailbox.Entry.Data != nil {
				t.Fatal("the data are held twice")
			}
		}
		if one := answer + 2000; x.pending.bytes > maxPendingBytes+one || sum > x.pending.bytes {
			t.Fatalf("%d bytes are pending, said to be %d", sum, x.pending.bytes)
		}
		if !x.chunk.left() {
			break
		}
		if position := x.machine.Position(); !x.pending.full() || position == n {
			t.Fatalf("stopped at %d without need", position)
		}
		if left := n - x.machine.Position(); x.lag != left {
			t.Fatalf("lag %d with %d to go", x.lag, left)
		}
		x.pending = work{}
	}
	if rounds < n*answer/maxPendingBytes/2 {
		t.Errorf("in %d rounds", rounds)
	}
	var want []schema.Sequence
	for i := range n {
		want = append(want, schema.Sequence{Offset: int64(i)}, schema.Sequence{Offset: int64(i), Index: 1})
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d outputs, want %d, in order", len(got), len(want))
	}
	if !x.chunk.done || x.lag != 0 {
		t.Errorf("done %v, lag %d", x.chunk.done, x.lag)
	}
}

// Dead letters count: they hold what couldn't be folded.
func TestPendingDeadLettersAreBounded(t *testing.T) {
	x := idleTask(t, rooms.Fold{})
	x.cfg.Topics = schema.Topics{}
	for i := range 100 {
		x.chunk.records = append(x.chunk.records, fold.Decode(fold.Record{Offset: int64(i), Value: []byte(strings.Repeat("x", 300_000))}))
	}
	x.chunk.done = false
	if err := x.forward(&flusher{busy: true}); err != nil {
		t.Fatal(err)
	}
	if n := len(x.pending.dead.recs); n == 0 || n > 12 || x.pending.bytes > maxPendingBytes+500_000 {
		t.Errorf("%d dead letters, %d bytes", n, x.pending.bytes)
	}
}

func TestMailboxRecordsAreMadeInOnePiece(t *testing.T) {
	var outputs []fold.Stamped
	for i := range 2000 {
		outputs = append(outputs, entry("e1", 1, 0, int64(i), fmt.Sprintf(`"%0200d"`, i)))
	}
	size := 0
	for _, o := range outputs {
		size += len(o.Value)
	}
	out := records("s", "m", strings.Clone, outputs)
	made := 0
	for i, rec := range out.recs {
		made += cap(rec.Value)
		if first := out.offsets[i]; !strings.Contains(string(rec.Value[:300]), fmt.Sprintf(`[{"sequence":"%016d.0000"`, first)) {
			t.Errorf("record %d isn't of offset %d: %s", i, first, rec.Value[:300])
		}
	}
	if made > size+20_000 { // pages
		t.Errorf("%d bytes for %d", made, size)
	}
	for _, o := range outputs {
		if o.Value != nil {
			t.Fatal("an entry is held twice")
		}
	}
}
