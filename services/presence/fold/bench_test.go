package fold

import (
	"fmt"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// history is n sessions on one edge, each of its own user, member of two rooms.
func history(b *testing.B, n int) []stream.Record {
	b.Helper()
	var records []stream.Record
	sequence := int64(0)
	add := func(typ schema.Type, user string, data any) {
		sequence++
		stamp := schema.Stamp{Source: schema.EdgeSource("E1", 1), Sequence: schema.Sequence{Offset: sequence}}
		_, value, err := schema.Encode(typ, user, schema.At(time.UnixMilli(sequence)), stamp, schema.TopicLifecycle, partition, data)
		if err != nil {
			b.Fatal(err)
		}
		records = append(records, stream.Record{Offset: int64(len(records)), Key: []byte(user), Value: value})
	}
	for i := range n {
		user := fmt.Sprintf("user-%06d", i)
		ref := schema.Ref{Session: "session-" + user, User: user, Edge: "E1", Epoch: 1}
		add(schema.TypeSessionConnected, user, &schema.SessionConnected{Ref: ref, Meta: schema.Meta{"nick": "x"}})
		for room := range 2 {
			add(schema.TypeSessionSubscribed, user, &schema.SessionSubscribed{Ref: ref,
				Subscription: subscriptions(fmt.Sprintf("room.%d.%d", room, i%100), schema.RoleMember)[0]})
		}
	}
	return records
}

// BenchmarkFold is the machine's part of a connect and two joins.
func BenchmarkFold(b *testing.B) {
	records := history(b, 2_000)
	b.ReportAllocs()
	for b.Loop() {
		m := stream.NewMachine(New(), partition)
		for _, rec := range records {
			m.Step(rec)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(records)), "ns/record")
}

// BenchmarkLostEdge is the end of 2,000 sessions by one record.
func BenchmarkLostEdge(b *testing.B) {
	records := history(b, 2_000)
	_, value, err := schema.Encode(schema.TypeEdgeStarted, "E1", schema.At(time.UnixMilli(1)),
		schema.Stamp{Source: schema.EdgeSource("E1", 2), Sequence: schema.Sequence{Offset: 1}}, schema.TopicLifecycle, partition,
		&schema.EdgeStarted{Edge: "E1", Epoch: 2})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		m := stream.NewMachine(New(), partition)
		for _, rec := range records {
			m.Step(rec)
		}
		b.StartTimer()
		if r := m.Step(stream.Record{Offset: int64(len(records)), Value: value}); len(r.Outputs) != 8_000 {
			b.Fatalf("%d outputs, want 2,000 ends and 6,000 lefts: %v", len(r.Outputs), r.Err)
		}
	}
}
