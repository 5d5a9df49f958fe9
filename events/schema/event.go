package schema

import (
	"encoding/json"
	"errors"
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

// IsZero reports the absence of a time, for `omitzero`.
func (t Time) IsZero() bool { return t.Time.IsZero() }

// UnknownTypeError reports an event of a type or version that this build
// doesn't know. The record is well-formed; a newer writer may have made it.
type UnknownTypeError struct{ Type Type }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("unknown event type %q", e.Type) }

// Decode reads one record's value. An error other than *UnknownTypeError means
// that it isn't a CloudEvents 1.0 object or that its data don't fit its type.
// The returned data are a pointer to the type's struct.
func Decode(value []byte) (Event, any, error) {
	var ev Event
	if err := json.Unmarshal(value, &ev); err != nil {
		return ev, nil, fmt.Errorf("decode event: %w", err)
	}
	if err := ev.check(); err != nil {
		return ev, nil, fmt.Errorf("decode event: %w", err)
	}
	data, err := DecodeData(ev.Type, ev.Data)
	return ev, data, err
}

func (e *Event) check() error {
	switch {
	case e.SpecVersion != "1.0":
		return fmt.Errorf("specversion %q, want 1.0", e.SpecVersion)
	case e.ID == "":
		return errors.New("id is missing")
	case e.Source == "":
		return errors.New("source is missing")
	case e.Type == "":
		return errors.New("type is missing")
	}
	return nil
}

// DecodeData reads an event's data into the struct of its type and checks what
// every reader relies on (names, required fields).
func DecodeData(t Type, raw json.RawMessage) (any, error) {
	make, ok := registry[t]
	if !ok {
		return nil, &UnknownTypeError{Type: t}
	}
	data := make()
	if err := json.Unmarshal(raw, data); err != nil {
		return nil, fmt.Errorf("decode data of %s: %w", t, err)
	}
	if c, ok := data.(interface{ check() error }); ok {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("decode data of %s: %w", t, err)
		}
	}
	return data, nil
}

// Stamp is what makes delivery effectively once: who wrote the event, and
// which of the writer's events it is.
type Stamp struct {
	Source   string
	Sequence Sequence
}

// Encode makes the record value of an event that goes to the given topic (its
// name without prefix) and partition.
func Encode(t Type, subject string, at Time, stamp Stamp, topic string, partition int32, data any) (id string, value []byte, err error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return "", nil, fmt.Errorf("encode data of %s: %w", t, err)
	}
	ev := Event{
		SpecVersion: "1.0",
		ID:          EventID(stamp.Source, topic, partition, stamp.Sequence),
		Source:      stamp.Source,
		Type:        t,
		Subject:     subject,
		Time:        at,
		Sequence:    stamp.Sequence,
		Data:        raw,
	}
	value, err = json.Marshal(&ev)
	if err != nil {
		return "", nil, fmt.Errorf("encode %s: %w", t, err)
	}
	return ev.ID, value, nil
}
