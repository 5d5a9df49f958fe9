package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/brokertest"
)

// bench makes tasks of one partition that each believe they own it.
type bench struct {
	t     *testing.T
	ctx   context.Context
	parts parts
}

func newBench(t *testing.T) *bench { t.Helper(); return newBenchOf(t, 1) }

func newBenchOf(t *testing.T, partitions int) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	client, err := bus.Open(bus.Config{Brokers: brokertest.Brokers(t), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	topics := schema.Topics{Prefix: brokertest.Prefix(t)}
	cfg := &Config{Fold: rooms.Fold{}, Client: client, Topics: topics, Kind: schema.KindPresence, Group: "g",
		Input: topics.Lifecycle(), Changelog: topics.PresenceState(), Partitions: partitions, Instance: "i", Logger: log}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{cfg.Input, cfg.Changelog, topics.Mailbox()} {
		if err := client.EnsureTopics(ctx, true, bus.Topic{Name: name, Partitions: partitions, Replication: 1}); err != nil {
			t.Fatal(err)
		}
	}
	producer, verdicts := client.NewProducer(bus.ProducerConfig{}), client.NewProducer(bus.ProducerConfig{})
	t.Cleanup(func() {
		_ = producer.Close(ctx)
		_ = verdicts.Close(ctx)
		_ = client.Close()
		cancel()
	})
	return &bench{t: t, ctx: ctx, parts: parts{cfg: cfg, producer: producer, verdicts: verdicts, monitor: newMonitor(cfg, "run"),
		board: newBoard(), metrics: newMetrics("rooms", nil), shelf: newShelf(), rebuilds: newRebuilds(false), patience: context.Background}}
}

func (b *bench) task() *task { return newTask(b.parts, 0, newProgress(time.Now())) }

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(err, target error) {
	b.t.Helper()
	if !errors.Is(err, target) {
		b.t.Fatalf("got %v, want %v", err, target)
	}
}

func (b *bench) appendMarker(t *task) error {
	_, err := t.append(b.ctx, []fold.Change{{Key: "x", Value: []byte("{}")}})
	return err
}

// inGroup hands the partition to a task as the group does, and returns what its
// loop ended with.
func (b *bench) inGroup(ctx context.Context, t *task) error {
	b.t.Helper()
	b.parts.board.set(0, Restoring, t, nil)
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	var ended error
	group := bus.GroupConfig{Group: b.parts.cfg.Input + "-" + t.claim, Topics: []string{b.parts.cfg.Input}}
	_ = b.parts.cfg.Client.RunGroup(ctx, group, func(ctx context.Context, cl *bus.Claim) error {
		_, ended = t.loop(ctx, cl)
		leave()
		return nil
	})
	return ended
}

// Scenario 18: two restores at once.
func TestScenario18RestoreNoticesANewerOwner(t *testing.T) {
	b := newBench(t)
	first, second := b.task(), b.task()
	b.ok(first.announce(b.ctx))
	marker, err := first.fence(b.ctx)
	b.ok(err)
	b.ok(second.takeOver(b.ctx))
	b.want(first.restore(b.ctx, b.ctx, marker), errOvertaken)
	b.want(b.appendMarker(first), bus.ErrFenced)
	b.ok(b.appendMarker(second))
}

// wantStops has a task go on that isn't the owner any more.
func (b *bench) wantStops(t *task) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	if err := b.inGroup(ctx, t); !errors.Is(err, errNewerOwner) {
		b.t.Errorf("who isn't the owner any more goes on; it ended with: %v", err)
	}
}

// Scenario 18: an owner that paused between its owner.started and its first
// write to the changelog, and wakes after a newer one has finished.
func TestScenario18LateRiserStopsAtTheNewerOwner(t *testing.T) {
	b := newBench(t)
	late, newer := b.task(), b.task()
	b.ok(late.announce(b.ctx))
	b.ok(newer.takeOver(b.ctx))

	marker, err := late.fence(b.ctx)
	b.ok(err)
	b.ok(late.restore(b.ctx, b.ctx, marker))
	b.want(b.appendMarker(newer), bus.ErrFenced) // it claims anew

	b.wantStops(late)
}

// catchUp has a task fold what there is in its input, and flush it.
func (b *bench) catchUp(t *task) {
	b.t.Helper()
	r := b.parts.cfg.Client.NewReader(bus.ReaderConfig{Topic: b.parts.cfg.Input, Start: t.machine.Position()})
	batch, err := r.Next(b.ctx)
	b.ok(err)
	for _, rec := range batch.Records {
		t.machine.Step(fold.Record{Offset: rec.Offset, Key: rec.Key, Value: rec.Value})
	}
	batches, err := t.machine.Flush(batchLimit)
	b.ok(err)
	b.ok(t.appendAll(b.ctx, batches))
}

// Scenario 18, where the newer one has written what it did: the late riser never
// reads its own owner.started, which is behind it. It would wait for that for
// ever, and write no due.
func TestScenario18LateRiserStopsInTheStateOfTheNewerOwner(t *testing.T) {
	b := newBench(t)
	late, newer := b.task(), b.task()
	b.ok(late.announce(b.ctx))
	b.ok(newer.takeOver(b.ctx))
	b.catchUp(newer)
	marker, err := late.fence(b.ctx)
	b.ok(err)
	b.ok(late.restore(b.ctx, b.ctx, marker))
	b.wantStops(late)
}

// A former owner that had yet to catch up has read the newer one's owner.started,
// and written it, before it was shut out.
func TestScenario18OwnerRunsWhoseStartIsRestored(t *testing.T) {
	b := newBench(t)
	former, newer := b.task(), b.task()
	b.ok(former.takeOver(b.ctx))
	b.ok(newer.announce(b.ctx))
	b.catchUp(former)
	marker, err := newer.fence(b.ctx)
	b.ok(err)
	b.ok(newer.restore(b.ctx, b.ctx, marker))
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = b.inGroup(ctx, newer)
	}()
	b.ok(b.parts.board.wait(b.ctx, 0, Running))
	stop()
	<-ended
}

// The incarnation is there before any output, and stays.
func TestIncarnationIsFoundedOnce(t *testing.T) {
	b := newBench(t)
	first, second := b.task(), b.task()
	b.ok(first.takeOver(b.ctx))
	b.ok(second.takeOver(b.ctx))
	if a, b := first.machine.Incarnation(), second.machine.Incarnation(); a == "" || a != b {
		t.Errorf("incarnations %q and %q", a, b)
	}
}

// What isn't an entity was written by somebody else: it goes to the dead letter
// and out of the changelog, and everything beside it is kept.
func TestForeignRecordInTheChangelogIsSetAside(t *testing.T) {
	b := newBench(t)
	letters := b.parts.cfg.Topics.DeadLetter()
	b.ok(b.parts.cfg.Client.EnsureTopics(b.ctx, true, bus.Topic{Name: letters, Partitions: 1, Replication: 1}))
	first, second, third := b.task(), b.task(), b.task()
	b.ok(first.takeOver(b.ctx))
	at, err := first.append(b.ctx, []fold.Change{{Key: rooms.Key("u", "s"), Value: []byte("not json")}})
	b.ok(err)
	b.ok(second.takeOver(b.ctx))
	batches, err := second.machine.Flush(batchLimit)
	b.ok(err)
	for _, batch := range batches {
		_, err := second.append(b.ctx, batch)
		b.ok(err)
	}
	b.ok(third.takeOver(b.ctx))

	r := b.parts.cfg.Client.NewReader(bus.ReaderConfig{Topic: letters, Start: bus.FirstOffset})
	batch, err := r.Next(b.ctx)
	b.ok(err)
	if len(batch.Records) != 1 {
		t.Fatalf("%d dead letters, want 1: %+v", len(batch.Records), batch.Records)
	}
	var letter schema.DeadLetter
	b.ok(json.Unmarshal(batch.Records[0].Value, &letter))
	if letter.Topic != b.parts.cfg.Changelog || letter.Offset != at || letter.Error == "" {
		t.Errorf("dead letter %+v, want offset %d of the changelog", letter, at)
	}
}

// Without the runtime's own records the log would be told again.
func TestUnreadablePositionIsBroken(t *testing.T) {
	b := newBench(t)
	first, second := b.task(), b.task()
	b.ok(first.takeOver(b.ctx))
	_, err := first.append(b.ctx, []fold.Change{{Key: fold.KeyTask, Value: []byte("not json")}})
	b.ok(err)
	if err := second.takeOver(b.ctx); !broken(err) {
		t.Errorf("take-over of an unreadable changelog: %v", err)
	}
}

// An owner died between the commit of a large flush and its entities: the next
// one writes them again before it writes anything else, or its own chunks would
// take the place of the only copy.
func TestTakeOverWritesTheRedoLogAgain(t *testing.T) {
	b := newBench(t)
	first := b.task()
	b.ok(first.takeOver(b.ctx))
	for u := range 9 {
		rec, err := first.control(schema.TypeSessionConnected, "k", &schema.SessionConnected{
			Ref: schema.Ref{Session: "s", User: fmt.Sprint("u", u), Edge: "e1", Epoch: 1}})
		b.ok(err)
		first.machine.Step(fold.Record{Offset: int64(u), Value: rec.Value})
	}
	batches, err := first.machine.Flush(900)
	b.ok(err)
	for _, batch := range batches {
		_, err := first.append(b.ctx, batch)
		b.ok(err)
		if batch[0].Key == fold.KeyTask {
			break // killed
		}
	}
	b.ok(b.task().takeOver(b.ctx))
	found := map[string]bool{}
	r := b.parts.cfg.Client.NewReader(bus.ReaderConfig{Topic: b.parts.cfg.Changelog, Start: bus.FirstOffset})
	batch, err := r.Next(b.ctx)
	b.ok(err)
	for _, rec := range batch.Records {
		found[string(rec.Key)] = true
	}
	for u := range 9 {
		if key := rooms.Key(fmt.Sprint("u", u), "s"); !found[key] {
			t.Errorf("%q is in the redo log only", key)
		}
	}
}

// brittle panics on what a former version has left behind.
type brittle struct{ rooms.Fold }

func (brittle) Decode(string, []byte) (fold.Entity, error) { panic("what is this?") }

func TestFoldThatPanicsOnItsStateStopsThePartitionOnly(t *testing.T) {
	b := newBench(t)
	first := b.task()
	b.ok(first.takeOver(b.ctx))
	b.ok(b.appendMarker(first))
	b.parts.cfg.Fold = brittle{}
	if err := b.task().run(b.ctx, nil); !broken(err) || !strings.Contains(err.Error(), "what is this?") {
		t.Errorf("run: %v", err)
	}
}
