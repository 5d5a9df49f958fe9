package bus

import (
	"maps"
	"testing"
	"time"

	official "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
)

// A service on the official watermill-kafka reads what we write, and we read
// what it writes: UUID, metadata, payload and key.
func TestInteropWithWatermillKafka(t *testing.T) {
	brokers := testBrokers(t)
	c := testClient(t, brokers)
	topic := newTopic(t, c, 1)
	logger := watermill.NopLogger{}
	key := func(_ string, msg *message.Message) (string, error) { return msg.Metadata.Get("user"), nil }
	marshaler := official.NewWithPartitioningMarshaler(key)

	conf := official.DefaultSaramaSubscriberConfig()
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	theirSub, err := official.NewSubscriber(official.SubscriberConfig{
		Brokers: brokers, Unmarshaler: marshaler, ConsumerGroup: uniqueName("theirs"), OverwriteSaramaConfig: conf,
	}, logger)
	must(t, err)
	defer func() { must(t, theirSub.Close()) }()
	theirPub, err := official.NewPublisher(official.PublisherConfig{Brokers: brokers, Marshaler: marshaler}, logger)
	must(t, err)
	defer func() { must(t, theirPub.Close()) }()

	ourPub := NewPublisher(c, PublisherConfig{PartitionKey: func(_ string, msg *message.Message) string { return msg.Metadata.Get("user") }})
	defer func() { must(t, ourPub.Close()) }()
	ourSub := NewSubscriber(c, SubscriberConfig{Group: uniqueName("ours")})
	defer func() { must(t, ourSub.Close()) }()

	sent := map[string]*message.Message{}
	for i, pub := range []message.Publisher{ourPub, theirPub, ourPub, theirPub} {
		msg := message.NewMessage(watermill.NewUUID(), message.Payload{byte('a' + i)})
		msg.Metadata = message.Metadata{"user": "alice", "traceparent": "00-aa-bb-01", "empty": ""}
		sent[msg.UUID] = msg
		must(t, pub.Publish(topic, msg))
	}
	for name, sub := range map[string]message.Subscriber{"official": theirSub, "bus": ourSub} {
		msgs, err := sub.Subscribe(within(t, 60*time.Second), topic)
		must(t, err)
		for i := range len(sent) {
			select {
			case got := <-msgs:
				want := sent[got.UUID]
				if want == nil || string(got.Payload) != string(want.Payload) || !maps.Equal(got.Metadata, want.Metadata) {
					t.Errorf("%s read %+v, want %+v", name, got, want)
				}
				if string(got.Payload) != string(rune('a'+i)) {
					t.Errorf("%s: message %d is %s", name, i, got.Payload)
				}
				if rec, ok := RecordFromContext(got.Context()); name == "bus" && (!ok || string(rec.Key) != "alice" || rec.Offset != int64(i)) {
					t.Errorf("record of message %d: %+v", i, rec)
				}
				got.Ack()
			case <-time.After(30 * time.Second):
				t.Fatalf("%s got %d of %d messages", name, i, len(sent))
			}
		}
	}
}

func TestReservedMetadata(t *testing.T) {
	msg := message.NewMessage("1", nil)
	msg.Metadata.Set(UUIDHeader, "2")
	if _, err := marshal("t", msg); err == nil {
		t.Error("metadata that would replace the UUID was accepted")
	}
	rec, err := marshal("t", message.NewMessage("1", nil))
	if err != nil || rec.Value == nil {
		t.Errorf("an empty message became a tombstone: %+v, %v", rec, err)
	}
}
