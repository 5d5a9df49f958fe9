package hosttest

import (
	"context"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// Writer appends events to a topic, as one source.
type Writer struct {
	t        *testing.T
	producer *bus.Producer
	topic    string
	source   string
	sent     int64
}

// NewWriter makes a writer, which ends with the test.
func NewWriter(t *testing.T, brokers []string, topic, source string) *Writer {
	t.Helper()
	client, err := bus.Open(bus.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	w := &Writer{t: t, producer: client.NewProducer(bus.ProducerConfig{}), topic: topic, source: source}
	t.Cleanup(func() {
		_ = w.producer.Close(context.Background())
		_ = client.Close()
	})
	return w
}

// Write numbers the events from 1, which fits one key's partition.
func (w *Writer) Write(typ schema.Type, key string, data any) {
	w.t.Helper()
	w.sent++
	stamp := schema.Stamp{Source: w.source, Sequence: schema.Sequence{Offset: w.sent}}
	_, value, err := schema.Encode(typ, key, schema.At(time.Now()), stamp, w.topic, 0, data)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Raw(key, value)
}

// Raw appends a value as it is.
func (w *Writer) Raw(key string, value []byte) {
	w.t.Helper()
	rec := bus.Record{Topic: w.topic, Partition: bus.AnyPartition, Key: []byte(key), Value: value}
	if _, err := w.producer.PublishWait(w.t.Context(), rec); err != nil {
		w.t.Fatal(err)
	}
}
