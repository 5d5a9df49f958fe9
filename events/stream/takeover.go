package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

var (
	// errNewerOwner: the log names an owner after this one.
	errNewerOwner = errors.New("another owner has taken the partition over")
	// errOvertaken: something follows the own marker in the changelog.
	errOvertaken = errors.New("another owner has written to the changelog during the restore")
)

// restoreError is a changelog that can't be understood.
type restoreError struct{ err error }

func (e *restoreError) Error() string { return e.err.Error() }
func (e *restoreError) Unwrap() error { return e.err }

// batchLimit leaves room for what fold.Flush doesn't count.
const batchLimit = bus.MaxBatchBytes - 10_000

// restoreFetch bounds what one fetch of a restore brings: all partitions may be
// restored at once.
const restoreFetch = 1 << 20

// takeOver makes the task the owner, in the log and at the broker, and gives
// it the partition's state.
func (t *task) takeOver(ctx context.Context) error {
	writes, done := t.overtime(ctx)
	defer done()
	if err := t.announce(writes); err != nil {
		return fmt.Errorf("announce the owner: %w", err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // what is kept stays so
	}
	marker, err := t.fence(writes)
	if err != nil {
		return fmt.Errorf("fence the changelog: %w", err)
	}
	state := "warm"
	if !t.recall(marker) {
		state = "cold"
		if err := t.restore(ctx, writes, marker); err != nil {
			return fmt.Errorf("restore from the changelog: %w", err)
		}
	}
	t.metrics.restores.WithLabelValues(state).Inc()
	t.log.Debug("partition restored", "state", state, "offset", t.machine.Position(),
		"entities", t.machine.Snapshot().Len(), "took", t.now().Round(time.Millisecond))
	return nil
}

func (t *task) announce(ctx context.Context) error {
	rec, err := t.control(schema.TypeOwnerStarted, t.cfg.Instance, &schema.OwnerStarted{
		Owner: t.cfg.Instance, Claim: t.claim, FoldVersion: t.cfg.Fold.Version(), Delays: t.cfg.Delays,
	})
	if err != nil {
		return err
	}
	results, err := t.producer.PublishWait(ctx, rec)
	if err == nil {
		t.epoch = results[0].Offset
	}
	if err == nil && t.epoch < 0 {
		err = bus.ErrUnknownOutcome // it is in the log, but where?
	}
	return err
}

// fence shuts former owners out of the changelog and writes the marker; it
// returns the marker's offset.
func (t *task) fence(ctx context.Context) (int64, error) {
	if err := t.writer.Init(ctx); err != nil {
		return 0, err
	}
	value, err := json.Marshal(map[string]string{"owner": t.cfg.Instance, "claim": t.claim})
	if err != nil {
		return 0, err
	}
	at, err := t.append(ctx, []fold.Change{{Key: fold.KeyMarker, Value: value}})
	if err == nil && at < 0 {
		err = bus.ErrUnknownOutcome // it is in the log, but where?
	}
	if err == nil {
		t.end = at + 1
	}
	return at, err
}

// restore makes the state from the changelog, up to the own marker. Its writes
// outlive ctx.
func (t *task) restore(ctx, writes context.Context, marker int64) error {
	if t.rebuilds.wanted(t.partition) {
		return t.rebuild(ctx, writes, marker)
	}
	restorer := fold.NewRestorer(t.cfg.Fold, t.partition)
	if err := t.readChangelog(ctx, marker, restorer.Add); err != nil {
		return err
	}
	machine, fresh, redo, err := restorer.Machine(batchLimit)
	if err != nil {
		return &restoreError{err}
	}
	machine.Partitions(t.cfg.Partitions)
	if err := t.setAside(writes, restorer.Unread()); err != nil {
		return err
	}
	if err := t.appendAll(writes, redo); err != nil {
		return err
	}
	if fresh {
		if err := t.found(writes, machine); err != nil {
			return err
		}
	}
	t.adopt(machine)
	return nil
}

func (t *task) adopt(machine *fold.Machine) {
	t.mu.Lock()
	t.machine = machine
	t.hear(time.Now())
	t.mu.Unlock()
	t.progress.flushed(machine.Position(), time.Now())
}

// setAside writes what no fold wrote to the dead letter. The next flush takes it
// out of the changelog.
func (t *task) setAside(ctx context.Context, unread []fold.Unread) error {
	for _, u := range unread {
		t.log.Error("changelog has what is no entity, it goes to the dead letter", "offset", u.Offset, "reason", u.Err)
		t.metrics.records.WithLabelValues(fold.Poison.String()).Inc()
		rec := fold.Record{Offset: u.Offset, Key: []byte(u.Key), Value: u.Value}
		letter := t.cfg.deadLetter(t.cfg.Changelog, t.partition, rec, u.Err)
		if err := t.publish(ctx, outgoing{[]bus.Record{letter}, []int64{u.Offset}}); err != nil {
			return fmt.Errorf("write a dead letter: %w", err)
		}
	}
	return nil
}

func (t *task) readChangelog(ctx context.Context, marker int64, add func(fold.Change)) error {
	r := t.cfg.Client.NewReader(bus.ReaderConfig{Topic: t.cfg.Changelog, Partition: t.partition,
		Start: bus.FirstOffset, MaxBytes: restoreFetch})
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return err
		}
		for _, rec := range b.Records {
			add(fold.Change{Key: string(rec.Key), Value: rec.Value, Offset: rec.Offset})
		}
		switch {
		case b.HighWatermark > marker+1:
			return errOvertaken
		case b.Next > marker:
			return nil
		}
	}
}

// found begins a changelog: its incarnation must be there before any output
// carries it.
func (t *task) found(ctx context.Context, m *fold.Machine) error {
	first, _, err := t.cfg.Client.Offsets(ctx, t.cfg.Input, t.partition)
	if err != nil {
		return err
	}
	m.Begin(rand.Text(), first)
	m.Presume(t.cfg.Delays)
	batches, err := m.Flush(batchLimit)
	if err != nil {
		return err
	}
	return t.appendAll(ctx, batches)
}

func (t *task) appendAll(ctx context.Context, batches [][]fold.Change) error {
	for _, b := range batches {
		if _, err := t.append(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// append writes one batch to the changelog, whole or not at all.
func (t *task) append(ctx context.Context, batch []fold.Change) (int64, error) {
	recs := make([]bus.Record, len(batch))
	n := 0
	for i, c := range batch {
		recs[i] = bus.Record{Topic: t.cfg.Changelog, Partition: t.partition, Key: []byte(c.Key), Value: c.Value}
		n += len(c.Key) + len(c.Value)
	}
	at, err := t.writer.Append(ctx, recs)
	if err == nil {
		t.wrote(at, len(recs))
		t.metrics.flushed.Add(float64(n))
	}
	return at, err
}
