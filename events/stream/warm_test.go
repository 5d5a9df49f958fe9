package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
	"rollcall.dev/internal/retry"
)

// fold gives the task a record as if read from the input, and flushes it.
func (b *bench) fold(t *task, offset int64, user string) {
	b.t.Helper()
	rec, err := t.control(schema.TypeSessionConnected, "k", &schema.SessionConnected{
		Ref: schema.Ref{Session: "s", User: user, Edge: "e1", Epoch: 1}})
	b.ok(err)
	t.machine.Step(fold.Record{Offset: offset, Value: rec.Value})
	batches, err := t.machine.Flush(batchLimit)
	b.ok(err)
	for _, batch := range batches {
		_, err := t.append(b.ctx, batch)
		b.ok(err)
	}
}

// claim takes the partition over and says whether from what was kept.
func (b *bench) claim() (t *task, warm bool) {
	b.t.Helper()
	t = b.task()
	var before *fold.Machine
	if t.kept != nil {
		before = t.kept.machine
	}
	b.ok(t.takeOver(b.ctx))
	return t, t.machine == before
}

// giveBack ends a claim in order.
func (b *bench) giveBack(t *task) { b.parts.shelf.put(0, t.keep()) }

// other is an owner in another process.
func (b *bench) other() *task {
	o := *b
	o.parts.shelf = newShelf()
	return o.task()
}

// contents is all that a machine would lose with its process.
func contents(t *testing.T, m *fold.Machine) string {
	t.Helper()
	var all strings.Builder
	all.WriteString(fmt.Sprintln(m.Position(), m.Incarnation(), m.Owner(), m.Edges(), m.Verdicts()))
	for key, e := range m.Snapshot().Scan("") {
		value, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(fmt.Sprintln(key, string(value)))
	}
	return all.String()
}

// A partition that comes back untouched is what its changelog says, claim after
// claim.
func TestUntouchedPartitionComesBackWarm(t *testing.T) {
	b := newBench(t)
	first, warm := b.claim()
	if warm {
		t.Fatal("warm without a former claim")
	}
	b.fold(first, 0, "alice")
	b.giveBack(first)
	second, warm := b.claim()
	if !warm {
		t.Fatal("the first return is cold")
	}
	b.fold(second, 1, "bob")
	b.giveBack(second)
	third, warm := b.claim()
	if !warm {
		t.Fatal("the second return is cold")
	}
	cold := b.other()
	b.ok(cold.takeOver(b.ctx))
	if kept, read := contents(t, third.machine), contents(t, cold.machine); kept != read {
		t.Errorf("kept\n%s\nbut the changelog says\n%s", kept, read)
	}
	b.want(b.appendMarker(third), bus.ErrFenced)
}

// Invariant 6: whatever anybody else has done to the changelog since, the state
// is restored from it.
func TestTouchedPartitionIsRestored(t *testing.T) {
	for name, touch := range map[string]func(b *bench){
		"another owner has written and given back": func(b *bench) {
			o := b.other()
			b.ok(o.takeOver(b.ctx))
			b.fold(o, 1, "bob")
		},
		"another owner has only announced itself and fenced": func(b *bench) {
			b.ok(b.other().writer.Init(b.ctx))
		},
		"another owner has written its marker": func(b *bench) {
			_, err := b.other().fence(b.ctx)
			b.ok(err)
		},
		"a stranger has written": func(b *bench) {
			_, err := b.parts.producer.PublishWait(b.ctx, bus.Record{Topic: b.parts.cfg.Changelog, Key: []byte(rooms.Key("bob", "s")), Value: []byte("{}")})
			b.ok(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			first, _ := b.claim()
			b.fold(first, 0, "alice")
			b.giveBack(first)
			touch(b)
			second, warm := b.claim()
			if warm {
				t.Fatal("the kept state was used")
			}
			cold := b.other()
			b.ok(cold.takeOver(b.ctx))
			if kept, read := contents(t, second.machine), contents(t, cold.machine); kept != read {
				t.Errorf("restored\n%s\nbut the changelog says\n%s", kept, read)
			}
		})
	}
}

// A stranger that writes between two flushes is noticed then: what it wrote is
// not in the machine.
func TestStrangerBetweenFlushesLeavesNothingToKeep(t *testing.T) {
	b := newBench(t)
	first, _ := b.claim()
	b.fold(first, 0, "alice")
	_, err := b.parts.producer.PublishWait(b.ctx, bus.Record{Topic: b.parts.cfg.Changelog, Key: []byte("x"), Value: []byte("{}")})
	b.ok(err)
	b.fold(first, 1, "bob")
	b.fold(first, 2, "carol")
	if first.keep() != nil {
		t.Error("state was kept beside a stranger's records")
	}
}

// A former owner's write that comes late is refused, whether the state came
// back warm or not.
func TestLateWriteIsRefusedAfterAWarmReturn(t *testing.T) {
	b := newBench(t)
	late := b.other()
	b.ok(late.takeOver(b.ctx))
	first, _ := b.claim()
	b.giveBack(first)
	if _, warm := b.claim(); !warm {
		t.Fatal("the return is cold")
	}
	b.want(b.appendMarker(late), bus.ErrFenced)
}

// After a write whose end is unknown the state may be ahead of the changelog,
// though the changelog looks untouched.
func TestUnknownOutcomeIsFollowedByARestore(t *testing.T) {
	b := newBench(t)
	first, _ := b.claim()
	b.fold(first, 0, "alice")
	b.giveBack(first)
	gone, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := first.append(gone, []fold.Change{{Key: "x", Value: []byte("{}")}}); err == nil {
		t.Fatal("an append without time succeeded")
	}
	if _, warm := b.claim(); warm {
		t.Error("the kept state was used")
	}
}

// A claim that is over before it has begun keeps what there is for the next:
// rebalances come in twos and threes.
func TestKeptStateOutlivesAClaimWithoutTime(t *testing.T) {
	b := newBench(t)
	first, _ := b.claim()
	b.fold(first, 0, "alice")
	b.giveBack(first)
	ctx, cancel := context.WithCancelCause(b.ctx)
	hurried := b.task()
	cancel(bus.ErrClaimEnded)
	b.want(hurried.run(ctx, &bus.Claim{}), bus.ErrClaimEnded)
	b.parts.shelf.put(0, hurried.kept)
	if _, warm := b.claim(); !warm {
		t.Error("cold after a claim without time")
	}
}

// Whatever ended the claim but the group's taking it, nothing is kept.
func TestNothingIsKeptAfterAnError(t *testing.T) {
	b := newBench(t)
	ctx, leave := context.WithCancel(b.ctx)
	left := make(chan error, 1)
	group := bus.GroupConfig{Group: b.parts.cfg.Input, Topics: []string{b.parts.cfg.Input}}
	go func() {
		left <- b.parts.cfg.Client.RunGroup(ctx, group, func(ctx context.Context, cl *bus.Claim) error {
			task := b.task()
			b.parts.board.set(0, Restoring, task, nil)
			err := task.run(ctx, cl)
			if !errors.Is(err, errNewerOwner) || task.kept != nil {
				t.Errorf("%+v was kept after %v", task.kept, err)
			}
			leave()
			return err
		})
	}()
	b.ok(b.parts.board.wait(b.ctx, 0, Running))
	b.ok(b.other().announce(b.ctx))
	b.ok(<-left)
}

// A flush that fails while the partition is given back leaves nothing to keep.
func TestNothingIsKeptAfterALateFlushFailed(t *testing.T) {
	for _, err := range []error{nil, errors.New("made to fail")} {
		x := idleTask(t, rooms.Fold{})
		x.patience = context.Background
		f := x.newFlusher(t.Context(), &bus.Claim{})
		f.busy = true
		f.done <- err
		if clean := f.finish(x, true); clean != (err == nil) {
			t.Errorf("clean %v after %v", clean, err)
		}
	}
}

// What others have now isn't kept, nor what nobody comes back for.
func TestShelfKeepsWhatComesBack(t *testing.T) {
	s := newShelf()
	for p := range int32(4) {
		s.put(p, &kept{end: int64(p)})
	}
	s.put(5, nil)
	s.retain([]int32{1, 3, 5})
	for p, want := range map[int32]bool{0: false, 1: true, 2: false, 3: true, 5: false} {
		if got := s.take(p); (got != nil) != want || got != nil && got.end != int64(p) {
			t.Errorf("partition %d: %+v", p, got)
		}
	}
	if s.take(1) != nil {
		t.Error("taken twice")
	}
}

// An instance forgets what another has got.
func TestNothingIsKeptOfWhatOthersHave(t *testing.T) {
	b := newBenchOf(t, 2)
	b.ok(b.parts.cfg.Client.EnsureTopics(b.ctx, true, bus.Topic{Name: b.parts.cfg.Topics.Heartbeat(), Partitions: 1, Replication: 1}))
	start := func() *Service {
		cfg := *b.parts.cfg
		cfg.Group = cfg.Input
		s, err := New(cfg)
		b.ok(err)
		b.ok(s.Start(b.ctx))
		t.Cleanup(func() { b.ok(s.Stop(b.ctx)) })
		return s
	}
	first := start()
	b.ok(first.WaitState(b.ctx, 0, Running))
	b.ok(first.WaitState(b.ctx, 1, Running))
	second := start()
	retry.Eventually(t, 20*time.Second, func() error {
		if a, b := first.Owned(), second.Owned(); len(a) != 1 || len(b) != 1 {
			return fmt.Errorf("they run %v and %v", a, b)
		}
		return nil
	})
	first.shelf.mu.Lock()
	defer first.shelf.mu.Unlock()
	if n := len(first.shelf.kept); n != 0 {
		t.Errorf("state of %d partitions is kept", n)
	}
}

// Writes of a take-over end before the partition is given back, and not later
// than the grace.
func TestOvertimeIsBounded(t *testing.T) {
	x := idleTask(t, rooms.Fold{})
	impatient, noPatience := context.WithCancel(t.Context())
	x.patience = func() context.Context { return impatient }
	ctx, over := context.WithCancel(t.Context())
	writes, done := x.overtime(ctx)
	defer done()
	over()
	if writes.Err() != nil {
		t.Fatal("writes ended with the claim")
	}
	noPatience()
	select {
	case <-writes.Done():
	case <-time.After(flushGrace - time.Second):
		t.Error("writes go on without patience")
	}
}
