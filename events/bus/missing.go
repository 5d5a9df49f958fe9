package bus

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// missingTopicPatience is how long a topic may be unknown to a cluster that
// answers before it counts as missing: brokers hear of a new topic one by one.
const missingTopicPatience = 10 * time.Second

// missingWatch notices a topic that stays missing. The zero value is ready.
type missingWatch struct{ since time.Time }

// final returns what to report of a failed read, if waiting can't mend it, and
// nil if it can.
func (w *missingWatch) final(ctx context.Context, c *Client, topic string, partition int32, err error) error {
	if code, ok := errors.AsType[kafka.Error](err); ok && judge(code).final() {
		return err
	}
	return w.missing(ctx, c, topic, partition, err)
}

// missing returns a *MissingTopicError when brokers have said for
// missingTopicPatience that the topic or the partition doesn't exist. The
// cached layout of a cluster that is out of reach is no evidence.
func (w *missingWatch) missing(ctx context.Context, c *Client, topic string, partition int32, err error) error {
	unknown := errors.Is(err, kafka.UnknownTopicOrPartition) ||
		errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
	gone, partitions := false, 0
	if unknown {
		gone, partitions = c.saysMissing(ctx, topic, partition)
	}
	if !gone {
		w.since = time.Time{}
		return nil
	}
	if w.since.IsZero() {
		w.since = time.Now()
	}
	if time.Since(w.since) < missingTopicPatience {
		return nil
	}
	return &MissingTopicError{Topic: topic, Partition: partition, Partitions: partitions}
}

// saysMissing asks a broker. partitions is how many a topic has that exists.
func (c *Client) saysMissing(ctx context.Context, topic string, partition int32) (gone bool, partitions int) {
	states, err := c.metadata(ctx, []string{topic})
	if err != nil {
		return false, 0
	}
	s, ok := states[topic]
	gone = !ok || errors.Is(s.err, kafka.UnknownTopicOrPartition) || s.err == nil && int(partition) >= s.partitions
	if gone {
		c.counts.Delete(topic) // it may come back with another number of partitions
	}
	return gone, s.partitions
}
