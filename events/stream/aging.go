package stream

import (
	"context"
	"time"

	"rollcall.dev/events/schema"
)

const (
	// agingLook bounds the entities that one look for what has outlived the log
	// goes through, and so what it writes; agingPause is between two.
	agingLook  = duesAtOnce
	agingPause = 10 * time.Millisecond
	// agingAgain is when a state is gone through again of which something was
	// found: by then the fold has acted on it, or the record is lost.
	agingAgain = 30 * time.Second
)

// aging looks for entities that wait for the start of the log to pass their
// cause. It goes through the state when that start moves, not by a timer for
// each: what is kept for as long as the log may be most of the state.
type aging struct {
	logStart int64
	// on while the state is gone through, from the next key on, at a time.
	on   bool
	next string
	at   time.Duration
	// found: this time through, something was; last is the newest written.
	found bool
	last  *written
}

// moved takes the start of the log. What is being gone through is gone through
// again from the beginning: it may be behind what was looked at.
func (a *aging) moved(now time.Duration, logStart int64) {
	if logStart > a.logStart {
		*a = aging{logStart: logStart, on: true, at: now, last: a.last}
	}
}

// look reports whether to go on now: not before all that was written the last
// time through has been read back.
func (a *aging) look(now time.Duration, position int64) bool {
	if !a.on || a.at > now {
		return false
	}
	if a.next == "" && a.last.pending(position) {
		a.at = now + agingAgain
		return false
	}
	return true
}

// looked takes where to look on, "" after the last entity.
func (a *aging) looked(now time.Duration, next string) {
	switch a.next = next; {
	case next != "":
		a.at = now + agingPause
	case a.found:
		a.found, a.at = false, now+agingAgain
	default:
		a.on = false
	}
}

// age writes the leave.due of what has outlived the log, up to a bound. It asks
// no gate: nobody's return is waited for.
func (t *task) age(ctx context.Context) error {
	if !t.aging.look(t.now(), t.machine.Position()) {
		return nil
	}
	if t.aging.next == "" {
		if err := t.ageEdges(ctx); err != nil {
			return err
		}
	}
	dues, next := t.machine.Aged(t.aging.logStart, t.aging.next, agingLook)
	for _, d := range dues {
		w, err := t.appendDue(ctx, d, nil)
		if err != nil {
			return err
		}
		t.aging.found, t.aging.last = true, w
	}
	t.aging.looked(t.now(), next)
	return nil
}

// ageEdges tells the log that edges which it has long not heard of may be
// forgotten: one record for all of them.
func (t *task) ageEdges(ctx context.Context) error {
	ee, ok := t.machine.Forgettable(t.aging.logStart)
	if !ok {
		return nil
	}
	w, err := t.appendOwn(ctx, schema.TypeEdgeExpired, ee.Edge, &schema.EdgeExpired{
		Edge: ee.Edge, Epoch: ee.Epoch, OwnerEpoch: t.machine.Owner().Epoch, LogStart: t.aging.logStart,
	}, nil)
	if err == nil {
		t.aging.found, t.aging.last = true, w
	}
	return err
}
