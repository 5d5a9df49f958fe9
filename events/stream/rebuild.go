package stream

import (
	"context"
	"crypto/rand"
	"sync"

	"rollcall.dev/events/stream/fold"
)

// rebuilds knows which partitions this process has rebuilt, of those it is to.
type rebuilds struct {
	all  bool
	mu   sync.Mutex
	done map[int32]bool
}

func newRebuilds(all bool) *rebuilds { return &rebuilds{all: all, done: map[int32]bool{}} }

func (r *rebuilds) wanted(partition int32) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all && !r.done[partition]
}

func (r *rebuilds) begun(partition int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[partition] = true
}

// rebuild puts a state that begins at the start of the input in the place of
// that in the changelog. Once that stands there, whoever owns the partition goes
// on with it. The partition runs when it has caught up, as after any take-over.
func (t *task) rebuild(ctx, writes context.Context, marker int64) error {
	r := fold.NewRebuilder(t.cfg.Fold, t.partition)
	if err := t.readChangelog(ctx, marker, r.Add); err != nil {
		return err
	}
	first, end, err := t.cfg.Client.Offsets(ctx, t.cfg.Input, t.partition)
	if err != nil {
		return err
	}
	machine, redo := r.Machine(first, end, rand.Text(), t.cfg.Delays, batchLimit)
	machine.Partitions(t.cfg.Partitions)
	batches, err := machine.Flush(batchLimit)
	if err != nil {
		return err
	}
	if err := t.appendAll(writes, append(redo, batches...)); err != nil {
		return err
	}
	t.rebuilds.begun(t.partition)
	t.log.Info("state is rebuilt from the log", "offset", first)
	t.adopt(machine)
	return nil
}
