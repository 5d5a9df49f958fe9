package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// parts are what the tasks of a service share.
type parts struct {
	cfg      *Config
	producer *bus.Producer
	verdicts *bus.Producer // of dues and expiries, which may be withdrawn
	monitor  *monitor
	board    *board
	metrics  *metrics
	shelf    *shelf
	rebuilds *rebuilds
	// patience ends when whoever stops the service no longer waits.
	patience func() context.Context
}

// task owns one partition for one take-over.
type task struct {
	parts
	log       *slog.Logger
	partition int32
	// claim is unique to the take-over; it names the owner in the log.
	claim  string
	epoch  int64 // the owner epoch: the offset of the own owner.started
	began  time.Time
	writer *bus.FencedWriter
	// end is the changelog's, as long as all from the own marker on is the own
	// writer's; -1 if that isn't known. Of whoever appends.
	end      int64
	kept     *kept         // of the former claim, until it is known whether it holds
	recalled *kept         // it does
	wake     chan struct{} // an edge of ours has expired, or what dues wait for has come
	anew     atomic.Bool   // a record of ours is lost
	// progress is the claim's, over its take-overs.
	progress *progress

	// mu guards the machine against readers of its state, and the fields that
	// they are shown. The task's own goroutine alone writes.
	mu      sync.Mutex
	machine *fold.Machine
	lag     int64
	heard   time.Time // when the log was last heard
	steady  time.Time // since when it was heard again and again
	level   time.Time // when it held nothing that isn't in the machine

	// Of the task's goroutine alone.
	controls int64 // own records in the input so far
	owns     bool  // the own owner.started has been folded
	leases   uint64
	edges    []fold.EdgeEpoch
	expiring map[fold.EdgeEpoch]*expiry
	dues     *dues
	// lookAt is when to look at dues again at the earliest.
	lookAt  time.Duration
	aging   aging
	pending work
	chunk   chunk // what the reader brought and isn't folded yet
}

func newTask(p parts, partition int32, far *progress) *task {
	claim := rand.Text()
	t := &task{
		parts: p, partition: partition, claim: claim, began: time.Now(),
		log:      p.cfg.Logger.With("service", p.cfg.Fold.Name(), "partition", partition),
		epoch:    -1,
		end:      -1,
		kept:     p.shelf.take(partition),
		wake:     make(chan struct{}, 1),
		progress: far,
		chunk:    chunk{done: true},
		expiring: map[fold.EdgeEpoch]*expiry{},
		dues:     newDues(),
	}
	if t.kept != nil {
		t.writer = t.kept.writer
	} else {
		t.writer = p.cfg.Client.NewFencedWriter(p.cfg.Changelog, partition, p.cfg.transactionalID(partition))
	}
	return t
}

// now is on the monotonic clock, since the take-over.
func (t *task) now() time.Duration { return time.Since(t.began) }

const (
	retryMin = 200 * time.Millisecond
	retryMax = 5 * time.Second
	// retryBroken follows what waiting hardly mends: a truncated log.
	retryBroken = 30 * time.Second
)

// handle owns a partition for as long as the group gives it, over as many
// take-overs as that needs.
func (p parts) handle(ctx context.Context, cl *bus.Claim) error {
	wait := retryMin
	far := newProgress(time.Now())
	for ctx.Err() == nil {
		t := newTask(p, cl.Partition, far)
		p.board.set(cl.Partition, Restoring, t, nil)
		err := t.run(ctx, cl)
		p.shelf.put(cl.Partition, t.kept)
		p.monitor.report(cl.Partition, nil, nil, nil)
		p.metrics.takeovers.WithLabelValues(ending(ctx, err)).Inc()
		if ctx.Err() != nil {
			t.stop()
			if err != nil && !errors.Is(err, context.Cause(ctx)) {
				t.log.Warn("partition given back with a write in flight", "reason", err)
			}
			break
		}
		far.end(err)
		p.board.set(cl.Partition, Stopped, nil, err)
		if t.now() > retryMax {
			wait = retryMin
		}
		pause := wait
		if broken(err) {
			pause = retryBroken
		}
		t.log.Error("partition stopped, taking it over again", "after", pause, "reason", err)
		sleep(ctx, pause)
		wait = min(2*wait, retryMax)
	}
	if s, _ := p.board.get(cl.Partition); s.state != Idle {
		p.board.set(cl.Partition, Idle, nil, nil)
	}
	p.metrics.gone(cl.Partition)
	return nil
}

// broken reports what stops a partition until people have looked at it.
func broken(err error) bool {
	_, out := errors.AsType[*bus.OffsetRangeError](err)
	_, restore := errors.AsType[*restoreError](err)
	return out || restore
}

func ending(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return "given_back"
	case errors.Is(err, errNewerOwner), errors.Is(err, bus.ErrFenced):
		return "fenced"
	default:
		return "error"
	}
}

// stop shows that the task only finishes what is in flight.
func (t *task) stop() {
	if s, _ := t.board.get(t.partition); s.state != Stopping {
		t.board.set(t.partition, Stopping, t, nil)
	}
}

// run takes the partition over and folds until ctx ends or something fails. A
// fold that panics outside of Apply, on its own state, stops its partition only.
func (t *task) run(ctx context.Context, cl *bus.Claim) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &restoreError{fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	if err := t.takeOver(ctx); err != nil {
		return err
	}
	for due := range t.machine.Dues() {
		t.dues.change(t.now(), due)
	}
	if k := t.recalled; k != nil {
		t.dues.carry(k.dues, t.began.Sub(k.began))
		t.recalled = nil
	}
	t.leased()
	given, err := t.loop(ctx, cl)
	if given {
		t.kept = t.keep()
	}
	return err
}

// control makes a record of the task for its own input partition. Its source
// is the take-over's, not that of the outputs: it isn't made again by a replay.
func (t *task) control(typ schema.Type, key string, data any) (bus.Record, error) {
	t.controls++
	stamp := schema.Stamp{
		Source:   schema.TaskSource(t.cfg.Fold.Name(), t.claim, t.partition),
		Sequence: schema.Sequence{Offset: t.controls},
	}
	id, value, err := schema.Encode(typ, key, schema.At(time.Now()), stamp, t.cfg.plain(t.cfg.Input), t.partition, data)
	if err != nil {
		return bus.Record{}, fmt.Errorf("own record: %w", err)
	}
	return eventRecord(t.cfg.Input, key, t.partition, id, value), nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
