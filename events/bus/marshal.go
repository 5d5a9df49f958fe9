package bus

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// UUIDHeader carries a Watermill message's UUID, as watermill-kafka's
// DefaultMarshaler writes it.
const UUIDHeader = "_watermill_message_uuid"

// marshal turns a message into a record as watermill-kafka does: payload as
// value, UUID and metadata as headers.
func marshal(topic string, msg *message.Message) (Record, error) {
	if msg.Metadata.Get(UUIDHeader) != "" {
		return Record{}, fmt.Errorf("bus: message %s: metadata %s is reserved for the UUID", msg.UUID, UUIDHeader)
	}
	rec := Record{Topic: topic, Partition: AnyPartition, Value: msg.Payload}
	if rec.Value == nil {
		rec.Value = []byte{} // an empty message is no tombstone
	}
	rec.Headers = make([]Header, 0, len(msg.Metadata)+1)
	rec.Headers = append(rec.Headers, Header{Key: UUIDHeader, Value: []byte(msg.UUID)})
	for k, v := range msg.Metadata {
		rec.Headers = append(rec.Headers, Header{Key: k, Value: []byte(v)})
	}
	return rec, nil
}

// unmarshal never fails: every record is some message.
func unmarshal(rec *Record) *message.Message {
	meta := make(message.Metadata, len(rec.Headers))
	uuid := ""
	for i := range rec.Headers {
		if h := &rec.Headers[i]; h.Key == UUIDHeader {
			uuid = string(h.Value)
		} else {
			meta[h.Key] = string(h.Value)
		}
	}
	msg := message.NewMessage(uuid, rec.Value)
	msg.Metadata = meta
	return msg
}

type recordKey struct{}

// RecordFromContext returns the record that a received message was made from:
// its partition, offset, key and time.
func RecordFromContext(ctx context.Context) (Record, bool) {
	rec, ok := ctx.Value(recordKey{}).(*Record)
	if !ok {
		return Record{}, false
	}
	return *rec, true
}
