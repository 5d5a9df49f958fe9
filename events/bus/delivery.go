package bus

import (
	"context"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// delivery hands the messages of one partition to a channel and turns their
// acks into commits.
type delivery struct {
	cfg    SubscriberConfig
	out    chan<- *message.Message
	commit func(int64) error
	window *ackWindow

	// late ends AckGrace after the claim: until then acks still count. It also
	// carries the values of the subscriber's context to the messages.
	late    context.Context
	endLate context.CancelFunc
	unarm   func() bool

	waiting sync.WaitGroup
}

func newDelivery(ctx context.Context, cfg SubscriberConfig, out chan<- *message.Message, commit func(int64) error) *delivery {
	d := &delivery{cfg: cfg, out: out, commit: commit, window: newAckWindow(cfg.Window)}
	d.late, d.endLate = context.WithCancel(context.WithoutCancel(ctx))
	d.unarm = context.AfterFunc(ctx, func() {
		t := time.NewTimer(cfg.AckGrace)
		defer t.Stop()
		select {
		case <-t.C:
			d.endLate()
		case <-d.late.Done():
		}
	})
	return d
}

// finish waits for the messages handed out to be acknowledged, or for the end
// of the grace. Call it after the claim's context has ended, or when giving up.
func (d *delivery) finish() {
	if d.unarm() { // giving up: no grace is running
		t := time.AfterFunc(d.cfg.AckGrace, d.endLate)
		defer t.Stop()
	}
	d.waiting.Wait()
	d.endLate()
}

// hand gives out one record, after waiting for room in the window. With a
// window of one it returns after the ack.
func (d *delivery) hand(ctx context.Context, rec *Record) error {
	slot, err := d.window.add(ctx, rec.Offset)
	if err != nil {
		return err
	}
	msg, cancel := d.message(rec)
	if !d.send(ctx, msg) {
		cancel()
		return context.Cause(ctx)
	}
	if d.cfg.Window == 1 {
		d.await(ctx, rec, msg, cancel, slot)
		return nil
	}
	d.waiting.Go(func() { d.await(ctx, rec, msg, cancel, slot) })
	return nil
}

func (d *delivery) message(rec *Record) (*message.Message, context.CancelFunc) {
	msg := unmarshal(rec)
	ctx, cancel := context.WithCancel(context.WithValue(d.late, recordKey{}, rec))
	msg.SetContext(ctx)
	return msg, cancel
}

// send gives a message out unless ctx has ended, which it checks first: select
// has no preference.
func (d *delivery) send(ctx context.Context, msg *message.Message) bool {
	if ctx.Err() != nil {
		return false
	}
	select {
	case d.out <- msg:
		return true
	case <-ctx.Done():
		return false
	}
}

// await follows a message until it is acked, giving it out again after a nack.
func (d *delivery) await(ctx context.Context, rec *Record, msg *message.Message, cancel context.CancelFunc, slot uint64) {
	for {
		select {
		case <-msg.Acked():
			cancel()
			d.window.ack(slot, d.progress)
			return
		case <-msg.Nacked():
			cancel()
		case <-d.late.Done():
			cancel()
			return
		}
		if sleep(ctx, d.cfg.NackResend) != nil {
			return
		}
		msg, cancel = d.message(rec)
		if !d.send(ctx, msg) {
			cancel()
			return
		}
	}
}

// progress commits; too late a commit only means that messages come again.
func (d *delivery) progress(next int64) { _ = d.commit(next) }
