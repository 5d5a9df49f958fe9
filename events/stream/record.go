package stream

import (
	"encoding/json"
	"time"

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
	return t.cfg.deadLetter(t.cfg.Input, t.partition, rec, cause)
}

func (cfg *Config) deadLetter(topic string, partition int32, rec fold.Record, cause error) bus.Record {
	d := schema.DeadLetter{
		Topic: topic, Partition: partition, Offset: rec.Offset,
		Service: cfg.Fold.Name(), At: schema.At(time.Now()),
		Key: rec.Key, Value: rec.Value, Error: cause.Error(),
	}.Bounded()
	value, _ := json.Marshal(&d) // strings and numbers always encode
	return bus.Record{Topic: cfg.Topics.DeadLetter(), Partition: bus.AnyPartition, Key: d.Key, Value: value}
}
