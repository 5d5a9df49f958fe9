package stream

import (
	"context"
	"fmt"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// Limits of what is folded while a flush is in flight. They are looked at after
// each input, so the outputs of one come on top. As much again may be in flight.
const (
	maxPendingRecords = 4 * chunkRecords
	maxPendingBytes   = 4 << 20
	// outputOverhead is about what an output takes beside its bytes.
	outputOverhead = 128
)

// work is what was folded and isn't under way yet.
type work struct {
	records int
	outputs []fold.Stamped
	bytes   int
	dead    outgoing
}

func (w *work) add(r *fold.Result) {
	w.records++
	for i := range r.Outputs {
		o := &r.Outputs[i]
		if o.Mailbox != nil {
			o.Mailbox.Entry = schema.MailboxEntry{} // it is in the value
		}
		w.bytes += len(o.Value) + len(o.Key) + outputOverhead
	}
	w.outputs = append(w.outputs, r.Outputs...)
}

// bury adds the dead letter of an input.
func (w *work) bury(offset int64, letter bus.Record) {
	w.dead.add(letter, offset)
	w.bytes += len(letter.Value) + len(letter.Key) + outputOverhead
}

func (w *work) any() bool { return w.records > 0 }

func (w *work) full() bool { return w.records >= maxPendingRecords || w.bytes >= maxPendingBytes }

// flusher has at most one flush in flight.
type flusher struct {
	ctx    context.Context
	cancel context.CancelFunc
	cl     *bus.Claim
	done   chan error
	busy   bool
}

// newFlusher returns one whose writes outlive ctx, up to finish.
func (t *task) newFlusher(ctx context.Context, cl *bus.Claim) *flusher {
	f := &flusher{cl: cl, done: make(chan error, 1)}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return f
}

// begin takes the task's pending work and writes it: outputs first, then, when
// all are acknowledged, state and position.
func (f *flusher) begin(t *task) error {
	batches, err := t.machine.Flush(batchLimit)
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if len(batches) > 1 {
		t.metrics.redos.Inc()
	}
	position := t.machine.Position()
	out := records(t.machine.Source(), t.cfg.Topics.Mailbox(), t.cfg.topic, t.pending.outputs)
	out.recs, out.offsets = append(out.recs, t.pending.dead.recs...), append(out.offsets, t.pending.dead.offsets...)
	t.pending = work{}
	f.busy = true
	t.progress.begin(time.Now())
	go func() { f.done <- f.write(t, out, batches, position) }()
	return nil
}

func (f *flusher) write(t *task, out outgoing, batches [][]fold.Change, position int64) error {
	if err := t.publish(f.ctx, out); err != nil {
		return fmt.Errorf("publish outputs: %w", err)
	}
	for _, b := range batches {
		if _, err := t.append(f.ctx, b); err != nil {
			return fmt.Errorf("flush: %w", err)
		}
	}
	t.metrics.flushes.Inc()
	t.progress.flushed(position, time.Now())
	_ = f.cl.Commit(position) // for lag tools; the changelog knows better
	return nil
}

// finish waits for the flush in flight, if there is one, at most for the grace
// or until patience ends. With all it also writes what was folded meanwhile, and
// reports whether the changelog then has everything.
func (f *flusher) finish(t *task, all bool) bool {
	defer f.cancel()
	timer := time.AfterFunc(flushGrace, f.cancel)
	defer timer.Stop()
	defer context.AfterFunc(t.patience(), f.cancel)()
	for {
		if f.busy {
			f.busy = false
			if err := <-f.done; err != nil {
				if all {
					t.log.Warn("partition given back with a write in flight", "reason", err)
				}
				return false
			}
		}
		if !all || !t.pending.any() {
			return all
		}
		if err := f.begin(t); err != nil {
			return false
		}
	}
}
