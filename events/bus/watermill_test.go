package bus

import (
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
)

// features of the bus under Watermill's universal suite. A key that is always
// the same gives the order that the suite asks for.
var features = tests.Features{
	ConsumerGroups:                   true,
	ExactlyOnceDelivery:              false,
	GuaranteedOrder:                  true,
	Persistent:                       true,
	NewSubscriberReceivesOldMessages: true,
	RequireSingleInstance:            false,
}

const suitePartitions = 8

func suitePubSub(t *testing.T, c *Client, group string) (message.Publisher, message.Subscriber) {
	create := &Topic{Partitions: suitePartitions}
	pub := NewPublisher(c, PublisherConfig{
		Create:       create,
		PartitionKey: func(_ string, msg *message.Message) string { return msg.Metadata.Get("partition_key") },
	})
	sub := NewSubscriber(c, SubscriberConfig{
		Group: group, Create: create, AckGrace: 200 * time.Millisecond, NackResend: 5 * time.Millisecond,
		Tuning: GroupConfig{HeartbeatInterval: 300 * time.Millisecond},
		Read:   ReaderConfig{MaxWait: 250 * time.Millisecond},
	})
	t.Cleanup(func() {
		_ = pub.Close()
		_ = sub.Close()
	})
	return pub, sub
}

// suiteGroup is one group per subtest, except where every subscriber must get
// the old messages: that is what another group is for.
func suiteGroup(t *testing.T) string {
	if strings.Contains(t.Name(), "NewSubscriberReceivesOldMessages") {
		return uniqueName("suite")
	}
	return "suite-" + strings.ReplaceAll(t.Name(), "/", "-")
}

func runSuite(t *testing.T, c *Client, features tests.Features) {
	tests.TestPubSub(t, features,
		func(t *testing.T) (message.Publisher, message.Subscriber) { return suitePubSub(t, c, suiteGroup(t)) },
		func(t *testing.T, group string) (message.Publisher, message.Subscriber) {
			return suitePubSub(t, c, group)
		},
	)
}

func TestUniversalSuite(t *testing.T) {
	runSuite(t, testClient(t, testBrokers(t)), features)
}
