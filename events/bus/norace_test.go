//go:build !race

package bus

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// Watermill's own reconnect test with a broker process that is killed twice.
// Not under the race detector: the test itself reads a slice that its goroutine
// still appends to (watermill v1.5.1, test_pubsub.go:1086 and 1120).
func TestEmbeddedUniversalReconnect(t *testing.T) {
	broker := startChildBroker(t)
	c := testClient(t, []string{broker.addr()})
	f := features
	f.RestartServiceCommand = broker.restartCommand()
	tests.TestReconnect(t, tests.TestContext{TestID: tests.NewTestID(), Features: f},
		func(t *testing.T) (message.Publisher, message.Subscriber) {
			pub, sub := suitePubSub(t, c, "reconnect")
			counted := &countingPublisher{Publisher: pub}
			return counted, &lastHeldSubscriber{sub, counted}
		})
}

// suiteMessages is how many messages the suite's reconnect test sends.
const suiteMessages = 10000

// countingPublisher counts the messages whose Publish has returned.
type countingPublisher struct {
	message.Publisher
	returned atomic.Int64
}

func (p *countingPublisher) Publish(topic string, msgs ...*message.Message) error {
	err := p.Publisher.Publish(topic, msgs...)
	if err == nil {
		p.returned.Add(int64(len(msgs)))
	}
	return err
}

// lastHeldSubscriber holds the suite's last message back until all have been
// published and noted: the suite compares as soon as it has read the last one,
// and calls "extra" what its goroutine hasn't appended yet.
type lastHeldSubscriber struct {
	message.Subscriber
	pub *countingPublisher
}

func (s *lastHeldSubscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	in, err := s.Subscriber.Subscribe(ctx, topic)
	if err != nil {
		return nil, err
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		seen := map[string]bool{}
		for msg := range in {
			if seen[msg.UUID] = true; len(seen) == suiteMessages {
				for s.pub.returned.Load() < suiteMessages && msg.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(200 * time.Millisecond) // nothing tells when the suite has appended
			}
			select {
			case out <- msg:
			case <-msg.Context().Done():
			}
		}
	}()
	return out, nil
}
