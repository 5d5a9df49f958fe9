package stream_test

import (
	"fmt"
	"testing"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// One event at a time: append to the input, until the output is read.
func BenchmarkIdle(b *testing.B) {
	w := newWorld(b, 1)
	w.running(w.start(w.config("i1")), 0)
	events := w.tail(w.topics.ChannelEvents(), 0)
	w.connect("e1", 1, "warm")
	events.said(1)
	for b.Loop() {
		w.connect("e1", 1, "alice")
		events.said(1)
	}
}

// A backlog: what a partition folds, publishes and flushes in a second.
func BenchmarkBacklog(b *testing.B) {
	w := newWorld(b, 1)
	recs := make([]bus.Record, b.N)
	for i := range recs {
		user := fmt.Sprintf("u%d", i%10_000)
		_, value, err := schema.Encode(schema.TypeSessionConnected, user, schema.Time{},
			schema.Stamp{Source: schema.EdgeSource("e1", 1), Sequence: schema.Sequence{Offset: int64(i + 1)}},
			schema.TopicLifecycle, 0, &schema.SessionConnected{Ref: ref("e1", 1, user)})
		if err != nil {
			b.Fatal(err)
		}
		recs[i] = bus.Record{Topic: w.topics.Lifecycle(), Key: []byte(user), Value: value}
	}
	if _, err := w.producer.PublishWait(deadline(b), recs...); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	s := w.start(w.config("i1"))
	w.running(s, 0)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.StopTimer()
}
