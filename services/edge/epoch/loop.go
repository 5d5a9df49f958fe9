package epoch

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// run beats, reads what is said of the edge, and renews the epoch.
func (k *Keeper) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() { k.beats(ctx) })
	heard := make(chan heard)
	wg.Go(func() { k.read(ctx, heard) })
	err := k.follow(ctx, heard)
	cancel(err)
	wg.Wait()
	return err
}

// heard is one record of cluster.heartbeat, or a reason to doubt what was read.
type heard struct {
	hb     schema.Heartbeat
	offset int64
	missed error
}

// follow hears what is said of the edge and renews its epoch when that is over,
// but not before the pause after the last time is.
func (k *Keeper) follow(ctx context.Context, heard <-chan heard) error {
	var pacer pacer
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pacer.over:
			pacer.over = nil
		case <-k.wake:
		case h := <-heard:
			if err := k.hear(h); err != nil {
				return err
			}
		}
		why, ended := k.ended()
		if !ended || !pacer.ready() {
			continue
		}
		k.cfg.Logger.Warn("epoch is over, claiming a new one", "edge", k.cfg.Edge, "epoch", k.watch.epoch, "reason", why)
		if err := k.renew(ctx, heard); err != nil {
			return err
		}
		pacer.renewed()
	}
}

// renew claims an epoch and enters it. Who has slept for long may have been
// replaced: so what was said meanwhile is read before the claim, and what was
// said until the claim before the epoch is entered.
func (k *Keeper) renew(ctx context.Context, heard <-chan heard) error {
	_, next, err := k.cfg.Client.Offsets(ctx, k.cfg.Topic, 0)
	if err != nil {
		return fmt.Errorf("end of %s: %w", k.cfg.Topic, err)
	}
	if err := k.catchUp(ctx, heard, next-1); err != nil {
		return err
	}
	if err := k.claim(ctx); err != nil {
		return err
	}
	if err := k.catchUp(ctx, heard, k.watch.epoch); err != nil {
		return err
	}
	k.cfg.Entered(k.watch.epoch)
	// What has to be told anew counts in the backlog from here on, not before.
	k.told.Store(k.watch.epoch)
	return nil
}

// catchUp hears what stands up to an offset.
func (k *Keeper) catchUp(ctx context.Context, heard <-chan heard, offset int64) error {
	for k.heard < offset {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case h := <-heard:
			if err := k.hear(h); err != nil || h.missed != nil {
				return err
			}
		}
	}
	return nil
}

// hear takes one record. The error is ErrInUse.
func (k *Keeper) hear(h heard) error {
	if h.missed != nil {
		// A verdict may be among what was missed.
		k.cfg.Logger.Warn("heartbeats were missed", "edge", k.cfg.Edge, "reason", h.missed)
		k.Renew(k.watch.epoch, "heartbeats missed")
		return nil
	}
	k.heard = h.offset
	k.known.Store(max(k.known.Load(), h.offset))
	if h.hb.Ask {
		select {
		case k.asked <- struct{}{}:
		default:
		}
	}
	verdict, err := k.watch.judge(&h.hb, h.offset)
	if err == nil && verdict != "" {
		k.Renew(k.watch.epoch, string(verdict))
	}
	return err
}

// read passes on what stands in cluster.heartbeat from before the first claim.
func (k *Keeper) read(ctx context.Context, out chan<- heard) {
	start := k.from
	for ctx.Err() == nil {
		reader := k.cfg.Client.NewReader(bus.ReaderConfig{Topic: k.cfg.Topic, Start: start})
		err := k.readOn(ctx, reader, out)
		if ctx.Err() != nil {
			return
		}
		// The position is gone, or something can't be read: go on at the end.
		start = bus.LastOffset
		select {
		case out <- heard{missed: err}:
		case <-ctx.Done():
		}
		select {
		case <-time.After(k.cfg.Interval):
		case <-ctx.Done():
		}
	}
}

func (k *Keeper) readOn(ctx context.Context, reader *bus.Reader, out chan<- heard) error {
	for {
		batch, err := reader.Next(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", k.cfg.Topic, err)
		}
		for _, rec := range batch.Records {
			h := heard{offset: rec.Offset}
			if json.Unmarshal(rec.Value, &h.hb) != nil {
				h.hb = schema.Heartbeat{} // nobody's
			}
			select {
			case out <- h:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}
