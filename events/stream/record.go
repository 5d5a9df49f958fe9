package stream

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

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

// Limits of a dead letter's parts, in bytes, so that it always fits into a
// batch: base64 makes four of three, JSON may make six of one.
const (
	maxDeadKey   = 10_000
	maxDeadValue = 400_000
	maxDeadText  = 50_000
	maxDeadError = 8_000
)

// deadLetter is the record for an input that could not be handled.
func (t *task) deadLetter(rec fold.Record, cause error) bus.Record {
	return t.cfg.deadLetter(t.cfg.Input, t.partition, rec, cause)
}

func (cfg *Config) deadLetter(topic string, partition int32, rec fold.Record, cause error) bus.Record {
	d := schema.DeadLetter{
		Topic: topic, Partition: partition, Offset: rec.Offset,
		Service: cfg.Fold.Name(), At: schema.At(time.Now()),
		Key: rec.Key[:min(len(rec.Key), maxDeadKey)], Value: rec.Value[:min(len(rec.Value), maxDeadValue)],
	}
	d.Error = cause.Error()
	d.Error = strings.ToValidUTF8(d.Error[:min(len(d.Error), maxDeadError)], "")
	if len(rec.Value) > maxDeadValue {
		d.Error += fmt.Sprintf(" (the first %d of %d bytes)", maxDeadValue, len(rec.Value))
	}
	if len(rec.Value) <= maxDeadText && utf8.Valid(rec.Value) {
		d.Text = string(rec.Value)
	}
	value, _ := json.Marshal(&d) // strings and numbers always encode
	return bus.Record{Topic: cfg.Topics.DeadLetter(), Partition: bus.AnyPartition, Key: d.Key, Value: value}
}
