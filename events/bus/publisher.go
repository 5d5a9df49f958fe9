package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// PublisherConfig tunes a Publisher. The zero value is usable.
type PublisherConfig struct {
	// PartitionKey chooses the record key, and so the partition, of a message;
	// messages of one key keep their order. nil: no key, partitions take turns.
	PartitionKey func(topic string, msg *message.Message) string
	// Timeout bounds one Publish. Default 30 s. After it the outcome is unknown,
	// for the producer goes on trying.
	Timeout time.Duration
	// CloseTimeout bounds Close. Default 10 s.
	CloseTimeout time.Duration
	// Create, if set, is the model (without name) of topics that Publish creates
	// when they are missing.
	Create *Topic
	// Producer tunes the producer underneath.
	Producer ProducerConfig
}

// Publisher is a Watermill message.Publisher. Publish returns when all in-sync
// replicas have the messages.
type Publisher struct {
	cfg      PublisherConfig
	c        *Client
	producer *Producer
	topics   sync.Map // name → struct{}: known to exist
}

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a publisher with a producer of its own. It does no I/O.
func NewPublisher(c *Client, cfg PublisherConfig) *Publisher {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.CloseTimeout <= 0 {
		cfg.CloseTimeout = 10 * time.Second
	}
	return &Publisher{cfg: cfg, c: c, producer: c.NewProducer(cfg.Producer)}
}

// Publish writes the messages in order and waits until they are acknowledged.
// On an error, some may be in the log. The messages' own contexts don't end it:
// a handler that is stopped should still report what it did.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeout)
	defer cancel()
	if err := ensureTopic(ctx, p.c, &p.topics, p.cfg.Create, topic); err != nil {
		return err
	}
	recs := make([]Record, len(messages))
	for i, msg := range messages {
		rec, err := marshal(topic, msg)
		if err != nil {
			return err
		}
		if p.cfg.PartitionKey != nil {
			rec.Key = []byte(p.cfg.PartitionKey(topic, msg))
		}
		recs[i] = rec
	}
	if _, err := p.producer.PublishWait(ctx, recs...); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	return nil
}

// Close waits for what is under way, at most CloseTimeout.
func (p *Publisher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.CloseTimeout)
	defer cancel()
	return p.producer.Close(ctx)
}

// ensureTopic creates a missing topic after the model, once per name.
func ensureTopic(ctx context.Context, c *Client, known *sync.Map, model *Topic, name string) error {
	if model == nil {
		return nil
	}
	if _, ok := known.Load(name); ok {
		return nil
	}
	t := *model
	t.Name = name
	err := c.EnsureTopics(ctx, true, t)
	if _, other := errors.AsType[*PartitionCountError](err); other {
		err = nil // exists, which is what was asked
	}
	if err == nil {
		known.Store(name, struct{}{})
	}
	return err
}
