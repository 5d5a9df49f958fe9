package e2e

import (
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wmkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// officialAdapter: a downstream service on Watermill's own Kafka adapter, in a
// consumer group, reacts to the end of a session.
func (r *ring) officialAdapter(t *testing.T) {
	config := wmkafka.DefaultSaramaSubscriberConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	sub, err := wmkafka.NewSubscriber(wmkafka.SubscriberConfig{
		Brokers:               r.Brokers,
		Unmarshaler:           wmkafka.DefaultMarshaler{},
		OverwriteSaramaConfig: config,
		ConsumerGroup:         r.Prefix + "downstream",
	}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	}()
	messages, err := sub.Subscribe(t.Context(), r.topics.Lifecycle())
	if err != nil {
		t.Fatal(err)
	}
	c := harness.Connect(t, r.near, user(t, "alice"))
	c.Drop()
	patience := time.After(harness.Patience)
	for {
		select {
		case <-patience:
			t.Fatal("the end of the session didn't arrive")
		case msg := <-messages:
			event, data, err := schema.Decode(msg.Payload)
			msg.Ack()
			if err == nil && msg.UUID != event.ID {
				t.Fatalf("UUID %s, id %s", msg.UUID, event.ID)
			}
			if d, ok := data.(*schema.SessionDisconnected); ok && d.Session == c.Session {
				if d.Reason != schema.ReasonConnectionLost {
					t.Errorf("reason %s", d.Reason)
				}
				return
			}
		}
	}
}
