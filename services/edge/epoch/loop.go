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

func (k *Keeper) follow(ctx context.Context, heard <-chan heard) error {
	var pause <-chan time.Time // open while a renewal is too recent
	renew := k.renew
	for {
		why := ""
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause:
			pause, renew = nil, k.renew
		case why = <-renew:
		case h := <-heard:
			verdict, err := k.hear(h)
			if err != nil {
				return err
			}
			if verdict != "" {
				k.Renew(string(verdict))
			}
		}
		if why == "" {
			continue
		}
		k.cfg.Logger.Warn("epoch is over, claiming a new one", "edge", k.cfg.Edge, "epoch", k.watch.epoch, "reason", why)
		if err := k.claim(ctx); err != nil {
			return err
		}
		k.forget()
		k.cfg.Entered(k.watch.epoch)
		pause, renew = time.After(renewPause), nil
	}
}

// forget drops a request to renew that was about the epoch just left.
func (k *Keeper) forget() {
	select {
	case <-k.renew:
	default:
	}
}

func (k *Keeper) hear(h heard) (schema.Verdict, error) {
	if h.missed != nil {
		// A verdict may be among what was missed.
		k.cfg.Logger.Warn("heartbeats were missed", "edge", k.cfg.Edge, "reason", h.missed)
		return "heartbeats missed", nil
	}
	return k.watch.judge(&h.hb, h.offset)
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
				continue // nobody's heartbeat
			}
			select {
			case out <- h:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}
