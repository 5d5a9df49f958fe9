package stream

import (
	"time"
	"unicode/utf8"

	"encoding/json"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

var contentType = []byte(schema.ContentType)

// eventRecord is a record of a public topic. The event's id is Watermill's
// message id as well.
func eventRecord(topic, key string, partition int32, id string, value []byte) bus.Record {
	return bus.Record{
		Topic: topic, Partition: partition, Key: []byte(key), Value: value,
		Headers: []bus.Header{
			{Key: schema.HeaderContentType, Value: contentType},
			{Key: schema.HeaderUUID, Value: []byte(id)},
		},
	}
}

// deadLetter is the record for an input that could not be handled.
func (t *task) deadLetter(rec fold.Record, cause error) bus.Record {
	d := schema.DeadLetter{
		Topic: t.cfg.Input, Partition: t.partition, Offset: rec.Offset,
		Error: cause.Error(), Service: t.cfg.Fold.Name(), At: schema.At(time.Now()),
		Key: rec.Key, Value: rec.Value,
	}
	// Base64, and the text once more, at most double and a third: a record of
	// the input always fits unless it is near the limit itself.
	const maxText = 200_000
	if len(rec.Value) > 2*maxText {
		d.Value, d.Error = rec.Value[:2*maxText], d.Error+" (value truncated)"
	}
	if len(rec.Value) <= maxText && utf8.Valid(rec.Value) {
		d.Text = string(rec.Value)
	}
	value, _ := json.Marshal(&d) // of strings and numbers
	return bus.Record{Topic: t.cfg.Topics.DeadLetter(), Partition: bus.AnyPartition, Key: rec.Key, Value: value}
}
