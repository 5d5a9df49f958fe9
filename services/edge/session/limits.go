package session

import (
	"strings"
	"unicode"
)

// Limits of a subscription, in bytes. STOMP lets an id be any string. But a
// session is announced with all its subscriptions in one event, which Kafka and
// the readers must take, however many bytes its escapes make as JSON: so an id
// is bounded, and has no control characters, which take six bytes each.
const (
	MaxSubscriptionID = 256
	// MaxDestination has room for the longest user id, each of its bytes
	// percent-encoded.
	MaxDestination = 512
)

func checkSubscription(id, destination string) *refusal {
	switch {
	case len(destination) > MaxDestination:
		return forbidden("the destination of SUBSCRIBE has %d bytes, at most %d are allowed", len(destination), MaxDestination)
	case id == destination: // of 1.0, which has no id then
		return nil
	case len(id) > MaxSubscriptionID:
		return forbidden("the id of SUBSCRIBE has %d bytes, at most %d are allowed", len(id), MaxSubscriptionID)
	case strings.IndexFunc(id, unicode.IsControl) >= 0:
		return forbidden("the id of SUBSCRIBE has control characters")
	}
	return nil
}
