//go:build !race

package bus

import (
	"testing"

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
		func(t *testing.T) (message.Publisher, message.Subscriber) { return suitePubSub(t, c, "reconnect") })
}
