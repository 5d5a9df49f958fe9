package epoch

import (
	"context"
	"encoding/json"
	"errors"
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

// stuckAfter is how many intervals a beat may take. A beat that comes through
// late speaks of a backlog as it was: it is given up rather than repeated.
const stuckAfter = 3

// beats sends one beat per interval. At most one is under way.
func (k *Keeper) beats(ctx context.Context) {
	ticker := time.NewTicker(k.cfg.Interval)
	defer ticker.Stop()
	var s sender
	defer func() { s.drop() }()
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			k.sayGoodbye(&s, n)
			return
		case <-ticker.C:
		}
		if s.under != nil && !s.acked() {
			if time.Since(s.since) >= stuckAfter*k.cfg.Interval {
				s.drop()
			}
			continue
		}
		s.send(k.cfg.Client, k.record(k.beat(n)))
	}
}

// Goodbye makes the keeper's Stop append a last beat: the epoch holds no
// session any more and the outbox is empty.
func (k *Keeper) Goodbye() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.goodbye = true
}

func (k *Keeper) sayGoodbye(s *sender, n int64) {
	k.mu.Lock()
	say := k.goodbye
	k.mu.Unlock()
	if !say {
		return
	}
	ctx, cancel := context.WithTimeout(k.StopContext(), stuckAfter*k.cfg.Interval)
	defer cancel()
	hb := k.beat(n)
	hb.Stopped, hb.Draining = true, true
	s.open(k.cfg.Client)
	if _, err := s.producer.PublishWait(ctx, k.record(hb)); err != nil && !errors.Is(err, bus.ErrClosed) {
		k.cfg.Logger.Warn("no goodbye", "edge", k.cfg.Edge, "reason", err)
	}
}

// sender is the producer of the beats. Giving up a beat means giving up the
// producer, which would repeat it for ever.
type sender struct {
	producer *bus.Producer
	under    chan struct{} // closed when the beat under way is done
	since    time.Time
}

func (s *sender) open(c *bus.Client) {
	if s.producer == nil {
		s.producer = c.NewProducer(bus.ProducerConfig{})
	}
}

func (s *sender) send(c *bus.Client, rec bus.Record) {
	s.open(c)
	done := make(chan struct{})
	s.under, s.since = done, time.Now()
	if err := s.producer.Publish(context.Background(), rec, func(bus.Result) { close(done) }); err != nil {
		close(done)
	}
}

func (s *sender) acked() bool {
	select {
	case <-s.under:
		return true
	default:
		return false
	}
}

// drop gives up whatever is under way.
func (s *sender) drop() {
	if s.producer == nil {
		return
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_ = s.producer.Close(ended) // what is under way is meant to be lost
	s.producer, s.under = nil, nil
}
