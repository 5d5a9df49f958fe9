package stream

import (
	"context"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

const (
	// dueAgain is when a due is looked at again that the fold has not acted on.
	dueAgain = 5 * time.Second
	// gateHold is how long a ripe due waits at most for edges with a backlog,
	// gateAgain how often it looks.
	gateHold  = 60 * time.Second
	gateAgain = 100 * time.Millisecond
	// duesAtOnce bounds the dues between two looks at the input.
	duesAtOnce = 1000
)

// arm sets the timer to the next due, or look for what has outlived the log.
func (t *task) arm(timer *time.Timer) {
	at, ok := t.dues.next()
	if t.aging.on && (!ok || t.aging.at < at) {
		at, ok = t.aging.at, true
	}
	if !ok || !t.owns {
		timer.Stop()
		return
	}
	timer.Reset(max(0, at-t.now()))
}

// ripe writes the dues whose delay is over, and those of what has outlived the
// log.
func (t *task) ripe(ctx context.Context) error {
	if err := t.age(ctx); err != nil {
		return err
	}
	now, gate := t.now(), t.monitor.gate()
	same := map[dueID]*written{}
	for range duesAtOnce {
		d, ok := t.dues.ripe(now)
		if !ok {
			return nil
		}
		switch {
		case d.written.pending(t.machine.Position()):
			t.dues.again(d, now+dueAgain)
		case gate != nil && now < d.ripe+gateHold:
			t.dues.again(d, min(now+gateAgain, d.ripe+gateHold))
		default:
			if err := t.writeDue(ctx, d, same); err != nil {
				return err
			}
			t.dues.again(d, now+dueAgain)
		}
	}
	return nil
}

// writeDue appends one leave.due for all that wait for the same.
func (t *task) writeDue(ctx context.Context, d *due, same map[dueID]*written) error {
	if w := same[d.id()]; w != nil {
		d.written = w
		return nil
	}
	w, err := t.appendDue(ctx, d.Due)
	if err == nil {
		d.written, same[d.id()] = w, w
	}
	return err
}

func (t *task) appendDue(ctx context.Context, d fold.Due) (*written, error) {
	w, err := t.appendOwn(ctx, schema.TypeLeaveDue, d.User, &schema.LeaveDue{
		User: d.User, Session: d.Session, Cause: d.Cause, OwnerEpoch: t.machine.Owner().Epoch,
	})
	if err == nil {
		t.metrics.dues.Inc()
	}
	return w, err
}

// expiry is an edge.expired that was written.
type expiry struct {
	written *written
	at      time.Duration
}

// expire writes edge.expired for the epochs of this partition whose lease has
// run out. One that the fold doesn't act on is repeated after another lease.
func (t *task) expire(ctx context.Context) error {
	if !t.owns {
		return nil
	}
	now := t.now()
	for _, ee := range t.monitor.expired(t.edges) {
		x := t.expiring[ee]
		if x != nil && (x.written.pending(t.machine.Position()) || now-x.at < t.cfg.EdgeLease) {
			continue
		}
		w, err := t.appendOwn(ctx, schema.TypeEdgeExpired, ee.Edge, &schema.EdgeExpired{
			Edge: ee.Edge, Epoch: ee.Epoch, OwnerEpoch: t.machine.Owner().Epoch,
		})
		if err != nil {
			return err
		}
		t.expiring[ee] = &expiry{written: w, at: now}
		t.metrics.expiries.Inc()
		t.log.Warn("lease of an edge ran out", "edge", ee.Edge, "epoch", ee.Epoch)
	}
	return nil
}

// appendOwn writes a record behind all that the input has, without waiting.
func (t *task) appendOwn(ctx context.Context, typ schema.Type, key string, data any) (*written, error) {
	rec, err := t.control(typ, key, data)
	if err != nil {
		return nil, err
	}
	w := &written{}
	w.next.Store(inFlight)
	return w, t.producer.Publish(ctx, rec, w.done)
}
