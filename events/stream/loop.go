package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// flushGrace is how long a flush in flight may still take once the partition
// is to be given back.
const flushGrace = 5 * time.Second

// loop folds what the reader brings and flushes what the fold made, one flush
// at a time, until ctx ends or something fails. It ends with no write of its
// own in flight, unless that takes longer than the grace. Clean: ctx has ended,
// and the changelog has all that was folded.
func (t *task) loop(ctx context.Context, cl *bus.Claim) (clean bool, err error) {
	readCtx, stopRead := context.WithCancel(ctx)
	input, readErr, readEnd := make(chan chunk, prefetch), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(readEnd)
		readErr <- t.read(readCtx, t.machine.Position(), input)
	}()
	f := t.newFlusher(ctx, cl)
	defer func() {
		stopRead()
		clean = f.finish(t, ctx.Err() != nil && errors.Is(err, context.Cause(ctx)))
		<-readEnd
	}()
	return false, t.fold(ctx, input, readErr, f)
}

// fold is the loop's inside.
func (t *task) fold(ctx context.Context, input <-chan chunk, readErr <-chan error, f *flusher) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		from := input
		if t.pending.full() || t.chunk.left() {
			from = nil
		}
		t.arm(timer)
		var err error
		select {
		case c := <-from:
			err = t.accept(c)
		case err = <-f.done:
			f.busy = false
		case <-timer.C:
			err = t.ripe(ctx)
		case <-t.wake:
			t.lookAt = 0
			if err = t.expire(ctx); err == nil && t.owns {
				err = t.ripe(ctx)
			}
		case rerr := <-readErr:
			return fmt.Errorf("read the input: %w", rerr)
		case <-ctx.Done():
			t.stop()
			return context.Cause(ctx)
		}
		if err == nil {
			err = t.forward(f)
		}
		if err != nil {
			return err
		}
	}
}

// accept takes a chunk to be folded, and what it says of the log: the first one
// that the restored position is in it, so its owners are those of this log.
func (t *task) accept(c chunk) error {
	t.chunk = c
	t.mu.Lock()
	t.lag = max(0, c.highWatermark-c.next) + int64(len(c.records))
	t.hear(c.at)
	t.mu.Unlock()
	if t.owns {
		return nil
	}
	return t.owned(t.machine.Owner())
}

// hear takes that the log was heard at a time. mu is held.
func (t *task) hear(at time.Time) {
	if at.Sub(t.heard) > unheard {
		t.steady = at
	}
	t.heard = at
}

// forward folds as much of the chunk as there is room for, and flushes what was
// folded unless a flush is in flight.
func (t *task) forward(f *flusher) error {
	for {
		if err := t.take(); err != nil {
			return err
		}
		if !f.busy && t.pending.any() {
			if err := f.begin(t); err != nil {
				return err
			}
		}
		if !t.chunk.left() || t.pending.full() {
			t.progress.rest(!f.busy && !t.chunk.left() && t.lag == 0, time.Now)
			return nil
		}
	}
}

// take folds the chunk up to its end, or until there is no room for what
// follows. What is left stays; where a flush ends makes no difference.
func (t *task) take() error {
	c := &t.chunk
	if c.done {
		return nil
	}
	for c.left() && !t.pending.full() {
		if err := t.step(&c.records[0]); err != nil {
			return err
		}
		c.records[0] = fold.Decoded{} // the chunk may stay for a while
		c.records = c.records[1:]
	}
	c.done = !c.left()
	t.mu.Lock()
	t.lag = max(0, c.highWatermark-c.next) + int64(len(c.records))
	if t.lag == 0 {
		t.level = c.at
	}
	if c.done {
		t.aging.moved(t.now(), c.logStart)
	}
	t.mu.Unlock()
	t.metrics.lags(t.partition, t.lag)
	t.leased()
	return nil
}

func (t *task) step(d *fold.Decoded) error {
	t.mu.Lock()
	r := t.machine.Fold(*d)
	owner := t.machine.Owner()
	t.mu.Unlock()
	t.metrics.folded(&r)
	t.pending.add(&r)
	for _, kind := range r.Odd {
		t.log.Debug("event can't be as things stand", "kind", kind, "type", d.Event.Type, "source", d.Event.Source, "offset", d.Offset)
	}
	for _, due := range r.Dues {
		t.dues.change(t.now(), due)
	}
	switch {
	case r.Verdict == fold.Poison && r.Told:
	case r.Verdict == fold.Poison:
		t.log.Error("record can't be handled, it goes to the dead letter", "offset", d.Offset, "reason", r.Err)
		t.pending.bury(d.Offset, t.deadLetter(d.Record, r.Err))
	case r.Verdict == fold.Unknown:
		t.log.Debug("record of an unknown type skipped", "offset", d.Offset, "reason", r.Err)
	case d.Event.Type == schema.TypeOwnerStarted:
		return t.owned(owner)
	}
	return nil
}

// owned follows the owners that the log names. Up to the own owner.started the
// task makes up for what its predecessors left; from there on it runs, and it
// stops at the next. Either may be in the restored state already: whoever wrote
// that had read beyond the own announcement.
func (t *task) owned(owner fold.Owner) error {
	switch {
	case owner.Epoch > t.epoch:
		return errNewerOwner
	case owner.Epoch < t.epoch, t.owns:
		return nil
	}
	t.owns = true
	t.mu.Lock()
	t.level = t.began // the record that was just folded was written after it
	t.mu.Unlock()
	t.board.set(t.partition, Running, t, nil)
	t.metrics.restore.Observe(t.now().Seconds())
	t.log.Info("partition runs", "epoch", owner.Epoch, "took", t.now().Round(time.Millisecond))
	return nil
}

// leased tells the monitor which epochs rest on leases here, if that changed.
func (t *task) leased() {
	if n := t.machine.Leases(); n != t.leases || t.edges == nil {
		t.leases, t.edges = n, t.machine.Edges()
		if t.edges == nil {
			t.edges = []fold.EdgeEpoch{}
		}
		t.monitor.report(t.partition, t.edges, t.machine.Verdicts(), t.awaken)
	}
}

func (t *task) awaken() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}
