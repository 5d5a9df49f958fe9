package stream

import (
	"context"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

const (
	// dueAgain is when a due is looked at again that the fold has not acted on.
	dueAgain = 5 * time.Second
	// gateHold is how long a ripe due waits at most for edges with a backlog,
	// gateAgain how often it looks if nothing wakes it.
	gateHold  = 60 * time.Second
	gateAgain = 250 * time.Millisecond
	// duesPause is between two looks at dues, so that many go together.
	duesPause = 5 * time.Millisecond
	// unheard is after which silence a partition, or its log, is in an outage.
	unheard = 2 * time.Second
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
	timer.Reset(max(0, max(at, t.lookAt)-t.now()))
}

// ripe writes the dues whose delay is over, and those of what has outlived the
// log.
func (t *task) ripe(ctx context.Context) error {
	if err := t.age(ctx); err != nil {
		return err
	}
	if t.anew.Swap(false) {
		t.dues.anew(t.now())
	}
	now, upTo := t.now(), t.clear()
	t.lookAt = now + duesPause
	same := map[dueID]*written{}
	for range duesAtOnce {
		d, ok := t.dues.ripe(now)
		if !ok {
			return nil
		}
		switch {
		case d.written.pending(t.machine.Position()):
			t.dues.again(d, now+dueAgain)
		case d.ripe > upTo:
			t.lookAt = now + gateAgain
			t.monitor.await(t.partition, t.began.Add(d.ripe), t.awaken)
			return nil // and those behind it: they are hardly older
		default:
			if err := t.writeDue(ctx, d, same); err != nil {
				return err
			}
			t.dues.again(d, now+dueAgain)
		}
	}
	return nil
}

// clear is the time up to which a due that was ripe then may be written: a
// return before it would be in the log, or has been waited for long enough.
// That time doesn't count during which nobody could be heard: returns of an
// outage come when it is over. It may be called from any goroutine.
func (t *task) clear() time.Duration {
	upTo, trusted, _ := t.monitor.clear()
	t.mu.Lock()
	heard, steady := t.heard, t.steady
	t.mu.Unlock()
	at := time.Duration(-1)
	if !upTo.IsZero() {
		at = upTo.Sub(t.began)
	}
	now := t.now()
	if trusted.IsZero() || now-heard.Sub(t.began) > unheard {
		return at
	}
	if since := max(trusted.Sub(t.began), steady.Sub(t.began)); now-since > gateHold {
		at = max(at, now-gateHold)
	}
	return at
}

// writeDue appends one leave.due for all that wait for the same.
func (t *task) writeDue(ctx context.Context, d *due, same map[dueID]*written) error {
	if w := same[d.id()]; w != nil {
		d.written = w
		return nil
	}
	ripe := d.ripe
	w, err := t.appendDue(ctx, d.Due, func() bool { return ripe <= t.clear() })
	if err == nil {
		d.written, same[d.id()] = w, w
	}
	return err
}

// appendDue writes a due that is wanted as long as that says, nil for always.
func (t *task) appendDue(ctx context.Context, d fold.Due, wanted func() bool) (*written, error) {
	w, err := t.appendOwn(ctx, schema.TypeLeaveDue, d.User, &schema.LeaveDue{
		User: d.User, Session: d.Session, Cause: d.Cause, OwnerEpoch: t.machine.Owner().Epoch,
	}, wanted)
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
// run out. One that the fold doesn't act on is repeated after another lease; one
// that was withdrawn, since the edge is heard again, when it runs out again.
func (t *task) expire(ctx context.Context) error {
	if !t.owns {
		return nil
	}
	now := t.now()
	for _, ee := range t.monitor.expired(t.edges) {
		x := t.expiring[ee]
		if x != nil && (x.written.pending(t.machine.Position()) || now-x.at < t.cfg.EdgeLease && !x.written.lost()) {
			continue
		}
		w, err := t.appendOwn(ctx, schema.TypeEdgeExpired, ee.Edge, &schema.EdgeExpired{
			Edge: ee.Edge, Epoch: ee.Epoch, OwnerEpoch: t.machine.Owner().Epoch,
		}, func() bool { return t.monitor.isOver(ee) })
		if err != nil {
			return err
		}
		t.expiring[ee] = &expiry{written: w, at: now}
		t.metrics.expiries.Inc()
		t.log.Warn("lease of an edge ran out", "edge", ee.Edge, "epoch", ee.Epoch)
	}
	return nil
}

// appendOwn writes a record behind all that the input has, without waiting. An
// outage may keep it from being written at once: it is withdrawn when it isn't
// wanted any more, and with the task, and judged anew. Its producer carries
// nothing else, or it would stay for the sake of what shares its batch.
func (t *task) appendOwn(ctx context.Context, typ schema.Type, key string, data any, wanted func() bool) (*written, error) {
	rec, err := t.control(typ, key, data)
	if err != nil {
		return nil, err
	}
	w := &written{}
	w.next.Store(inFlight)
	still := func() bool { return ctx.Err() == nil && (wanted == nil || wanted()) }
	return w, t.verdicts.PublishWhile(ctx, rec, still, func(r bus.Result) {
		if w.done(r); w.lost() {
			t.anew.Store(true)
			t.awaken()
		}
	})
}
