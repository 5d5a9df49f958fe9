package schema

import (
	"encoding/json"
	"fmt"
	"time"
)

// ContentType is the content type of a record on a public topic (CloudEvents
// 1.0, JSON event format, structured mode).
const ContentType = "application/cloudevents+json"

// Record header names. HeaderUUID is the one under which Watermill's Kafka
// marshaler keeps a message's UUID, so that a service on the official adapter
// reads our topics.
const (
	HeaderContentType = "content-type"
	HeaderUUID        = "_watermill_message_uuid"
)

// Event is a CloudEvents 1.0 event in JSON format.
type Event struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        Type   `json:"type"`
	// Subject is the user, or the channel on channel.events, or the edge.
	Subject string `json:"subject,omitempty"`
	// Time is the writer's clock, shown to people. No decision uses it.
	Time     Time            `json:"time"`
	Sequence Sequence        `json:"sequence"`
	Data     json.RawMessage `json:"data"`
}

// Time is a point in time with a resolution of a millisecond, as RFC 3339 in
// UTC.
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z"

// At rounds t to the resolution of events.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON implements json.Unmarshaler; it takes any RFC 3339 time.
func (t *Time) UnmarshalJSON(b []byte) error {
	if err := t.Time.UnmarshalJSON(b); err != nil {
		return err
	}
	t.Time = t.UTC()
	return nil
}

// UnmarshalText implements encoding.TextUnmarshaler as UnmarshalJSON does.
func (t *Time) UnmarshalText(b []byte) error {
	if err := t.Time.UnmarshalText(b); err != nil {
		return err
	}
	t.Time = t.UTC()
	return nil
}

// IsZero reports the absence of a time, for `omitzero`.
func (t Time) IsZero() bool { return t.Time.IsZero() }

// UnknownTypeError reports an event of a type or version that this build
// doesn't know. The record is well-formed; a newer writer may have made it.
type UnknownTypeError struct{ Type Type }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("unknown event type %q", e.Type) }

// Stamp is what makes delivery effectively once: who wrote the event, and
// which of the writer's events it is.
type Stamp struct {
	Source   string
	Sequence Sequence
}
