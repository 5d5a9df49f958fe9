package stream

import (
	"context"
	"encoding/json"
	"fmt"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// outgoing are records to be published, each with the offset of the input that
// it follows from, the first one where there are several.
type outgoing struct {
	recs    []bus.Record
	offsets []int64
}

func (o *outgoing) add(rec bus.Record, offset int64) {
	o.recs, o.offsets = append(o.recs, rec), append(o.offsets, offset)
}

// publish writes records and waits until all are acknowledged. What can't be
// written, ever, for what it is, goes to the dead letter, so that it holds
// nobody up. All else is an error: an outage, a topic that is gone or forbidden;
// the same records are written again once that is over.
func (t *task) publish(ctx context.Context, out outgoing) error {
	if len(out.recs) == 0 {
		return nil
	}
	refused, err := t.attempt(ctx, out)
	if err != nil || len(refused) == 0 {
		return err
	}
	// A letter that is refused for its size is cut short. One that is refused
	// nonetheless stops the partition: nothing vanishes without a trace.
	for range 2 {
		if refused, err = t.attempt(ctx, t.letters(refused)); err != nil || len(refused) == 0 {
			return err
		}
	}
	return fmt.Errorf("write a dead letter: %w", refused[0].err)
}

// refusal is a record that a broker won't take, and why.
type refusal struct {
	bus.Record
	offset int64
	err    error
}

// attempt publishes records and returns those that are refused for good.
func (t *task) attempt(ctx context.Context, out outgoing) (refused []refusal, err error) {
	results, err := t.producer.PublishWait(ctx, out.recs...)
	if err == nil {
		return nil, nil
	}
	if results == nil {
		return nil, err
	}
	for i, r := range results {
		switch {
		case r.Err == nil:
		case bus.RecordRefused(r.Err):
			refused = append(refused, refusal{out.recs[i], out.offsets[i], r.Err})
		default:
			return nil, r.Err
		}
	}
	return refused, nil
}

// letters are the dead letters of refused records: where the input stands that
// they follow from, and what they hold. A letter that was refused itself comes
// again, shorter.
func (t *task) letters(refused []refusal) (out outgoing) {
	for _, r := range refused {
		if r.Topic == t.cfg.Topics.DeadLetter() {
			out.add(shorten(r.Record), r.offset)
			continue
		}
		t.metrics.refused.Inc()
		t.log.Error("output is refused for good, it goes to the dead letter",
			"topic", r.Topic, "offset", r.offset, "bytes", len(r.Value), "reason", r.err)
		out.add(t.deadLetter(fold.Record{Offset: r.offset, Key: r.Key, Value: r.Value},
			fmt.Errorf("output to %s is refused: %w", r.Topic, r.err)), r.offset)
	}
	return out
}

// shortDeadValue is what a letter keeps of a value where the whole doesn't fit.
const shortDeadValue = 4_000

func shorten(rec bus.Record) bus.Record {
	var d schema.DeadLetter
	if json.Unmarshal(rec.Value, &d) != nil {
		return rec // not ours
	}
	if len(d.Value) > shortDeadValue {
		d.Error += fmt.Sprintf(" (cut to %d bytes)", shortDeadValue)
	}
	d.Key, d.Value, d.Text = d.Key[:min(len(d.Key), shortDeadValue)], d.Value[:min(len(d.Value), shortDeadValue)], ""
	if value, err := json.Marshal(&d); err == nil {
		rec.Key, rec.Value = d.Key, value
	}
	return rec
}
