package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// SubscriberConfig tunes a Subscriber. The zero value reads every partition
// from its start, without a group.
type SubscriberConfig struct {
	// Group shares the partitions among its subscribers and keeps the progress.
	// "" gives every subscription all messages and keeps no progress.
	Group string
	// Window is how many messages of a partition may be handed out and not yet
	// acknowledged. Default 1: the next message comes after the Ack, so that a
	// Router keeps the order. With more, a message that is nacked comes again
	// after those handed out since.
	Window int
	// NackResend is the pause before a nacked message comes again. Default 100 ms.
	NackResend time.Duration
	// AckGrace is how long the end of a claim or of the subscription waits for
	// messages that are handed out, so that their acks still count. Default 1 s.
	AckGrace time.Duration
	// Start is where to read without a committed offset: FirstOffset (default)
	// or LastOffset.
	Start int64
	// SkipLost goes on at the log's start when the position has been deleted by
	// retention, with an error in the log. Otherwise the partition stops there,
	// with repeated errors in the log, until somebody decides.
	SkipLost bool
	// Create, if set, is the model (without name) of topics that Subscribe
	// creates when they are missing.
	Create *Topic
	// Tuning sets the timeouts of the group; its other fields are ignored.
	Tuning GroupConfig
	// Read tunes the fetches (MaxWait, MaxBytes); its other fields are ignored.
	Read ReaderConfig
}

func (cfg *SubscriberConfig) setDefaults() {
	cfg.Window = max(cfg.Window, 1)
	if cfg.NackResend <= 0 {
		cfg.NackResend = 100 * time.Millisecond
	}
	if cfg.AckGrace <= 0 {
		cfg.AckGrace = time.Second
	}
	if cfg.Start == 0 {
		cfg.Start = FirstOffset
	}
}

// Subscriber is a Watermill message.Subscriber. Delivery is at least once; the
// messages of a partition come in order.
type Subscriber struct {
	c      *Client
	cfg    SubscriberConfig
	ctx    context.Context
	cancel context.CancelCauseFunc
	topics sync.Map

	mu     sync.Mutex
	closed bool
	subs   sync.WaitGroup
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber returns a subscriber. It does no I/O.
func NewSubscriber(c *Client, cfg SubscriberConfig) *Subscriber {
	cfg.setDefaults()
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Subscriber{c: c, cfg: cfg, ctx: ctx, cancel: cancel}
}

// subscribeTimeout bounds the creation of a topic.
const subscribeTimeout = 30 * time.Second

// SubscribeInitialize creates the topic, if the configuration has a model.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	ctx, cancel := context.WithTimeout(s.ctx, subscribeTimeout)
	defer cancel()
	return ensureTopic(ctx, s.c, &s.topics, s.cfg.Create, topic)
}

// Subscribe returns the channel on which the topic's messages come. It is
// closed when ctx ends or the subscriber is closed.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	if err := s.SubscribeInitialize(topic); err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(s.ctx, func() { cancel(ErrClosed) })
	out := make(chan *message.Message)
	s.subs.Go(func() {
		defer close(out)
		defer cancel(ErrClosed)
		defer stop()
		if err := s.run(ctx, topic, out); err != nil {
			s.c.log.Error("subscription failed", "topic", topic, "group", s.cfg.Group, "reason", err)
		}
	})
	return out, nil
}

// Close ends all subscriptions and waits for them: at most AckGrace for
// messages that are handed out, and a few seconds for a group that is just
// rebalancing.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel(ErrClosed)
	s.subs.Wait()
	return nil
}

func (s *Subscriber) run(ctx context.Context, topic string, out chan<- *message.Message) error {
	if s.cfg.Group == "" {
		return s.runAll(ctx, topic, out)
	}
	group := s.cfg.Tuning
	group.Group, group.Topics, group.Start = s.cfg.Group, []string{topic}, s.cfg.Start
	return s.c.RunGroup(ctx, group, func(ctx context.Context, cl *Claim) error {
		return s.deliver(ctx, topic, cl.Partition, cl.Start, out, cl.Commit)
	})
}

// runAll reads every partition, without a group.
func (s *Subscriber) runAll(ctx context.Context, topic string, out chan<- *message.Message) error {
	n, err := s.c.Partitions(ctx, topic)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	var readers sync.WaitGroup
	defer readers.Wait()
	for partition := range int32(n) {
		readers.Go(func() {
			at := s.cfg.Start
			keep := func(next int64) error { at = next; return nil }
			wait := backoff{next: handlerBackoffMin, max: handlerBackoffMax}
			for ctx.Err() == nil {
				if err := s.deliver(ctx, topic, partition, at, out, keep); err != nil && ctx.Err() == nil {
					s.c.log.Error("partition stopped, trying again", "topic", topic, "partition", partition, "reason", err)
					_ = wait.sleep(ctx)
				}
			}
		})
	}
	return nil
}

// deliver hands out one partition's messages until ctx ends, and waits for
// those handed out.
func (s *Subscriber) deliver(ctx context.Context, topic string, partition int32, start int64, out chan<- *message.Message, commit func(int64) error) error {
	read := s.cfg.Read
	read.Topic, read.Partition, read.Start = topic, partition, start
	r := s.c.NewReader(read)
	d := newDelivery(ctx, s.cfg, out, commit)
	defer d.finish()
	for {
		batch, err := r.Next(ctx)
		if lost, ok := errors.AsType[*OffsetRangeError](err); ok && s.cfg.SkipLost && lost.Offset < lost.First {
			s.c.log.Error("records were deleted before they were read, going on behind them",
				"topic", topic, "partition", partition, "offset", lost.Offset, "first", lost.First)
			read.Start = lost.First
			r = s.c.NewReader(read)
			continue
		}
		if err != nil {
			return err
		}
		for i := range batch.Records {
			if err := d.hand(ctx, &batch.Records[i]); err != nil {
				return err
			}
		}
	}
}
