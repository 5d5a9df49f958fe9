package epoch

import (
	"context"
	"errors"
	"time"

	"rollcall.dev/events/bus"
)

// stuckAfter is how many intervals a beat may take. A beat that comes through
// late speaks of a backlog as it was: it is given up rather than repeated.
const stuckAfter = 3

// askedPause, a part of an interval, is between two beats for the asking.
const askedPause = 4

// beats sends one beat per interval, and one at once if somebody asks for it. At
// most one is under way.
func (k *Keeper) beats(ctx context.Context) {
	ticker := time.NewTicker(k.cfg.Interval)
	defer ticker.Stop()
	var s sender
	defer func() { s.drop() }()
	asked, pause := k.asked, (<-chan time.Time)(nil)
	for n := int64(1); ; n++ {
		select {
		case <-ctx.Done():
			k.sayGoodbye(&s, n)
			return
		case <-ticker.C:
		case <-asked:
			asked, pause = nil, time.After(k.cfg.Interval/askedPause)
		case <-pause:
			asked, pause = k.asked, nil
			continue
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
