package fold

import (
	"testing"
	"time"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// A message that waited in the outbox of an edge which was cut off, until after
// its epoch has expired: its sender gets a receipt, so the others get it. One
// of an epoch that a newer one has followed may be a repeat.
func TestAMessageOfAnExpiredEpochIsPassedOn(t *testing.T) {
	m := stream.NewMachine(New(), partition)
	m.Begin("x", 0)
	offset := int64(0)
	step := func(typ schema.Type, source string, seq int64, data any) stream.Result {
		t.Helper()
		stamp := schema.Stamp{Source: source, Sequence: schema.Sequence{Offset: seq}}
		_, value, err := schema.Encode(typ, "room", schema.At(time.Unix(offset, 0)), stamp, schema.TopicChannelEvents, partition, data)
		if err != nil {
			t.Fatal(err)
		}
		offset++
		return m.Step(stream.Record{Offset: offset - 1, Key: []byte("room"), Value: value})
	}
	task := schema.TaskSource(Name, "x", partition)
	old, newer := schema.EdgeSource("E1", 4), schema.EdgeSource("E1", 9)
	says := func(body string) *schema.MessagePublished {
		return &schema.MessagePublished{Channel: "room", Edge: "E1", Epoch: 4, Body: body}
	}
	step(schema.TypeOwnerStarted, task, 0, &schema.OwnerStarted{Owner: "n", Claim: "c"})
	step(schema.TypeEdgeInterested, schema.EdgeSource("E2", 2), 1, &schema.EdgeInterested{Channel: "room", Edge: "E2", Epoch: 2})
	step(schema.TypeMessagePublished, old, 1, says("in time"))
	step(schema.TypeEdgeExpired, task, 1, &schema.EdgeExpired{Edge: "E1", Epoch: 4})
	late := step(schema.TypeMessagePublished, old, 2, says("late"))
	if late.Verdict != stream.Fenced || len(late.Outputs) != 1 || late.Outputs[0].Mailbox == nil || late.Outputs[0].Mailbox.Edge != "E2" {
		t.Errorf("of an expired epoch: %s, outputs %v", late.Verdict, late.Outputs)
	}
	if r := step(schema.TypeMessagePublished, old, 2, says("late")); len(r.Outputs) != 0 {
		t.Errorf("a repeat: %s, outputs %v", r.Verdict, r.Outputs)
	}
	if r := step(schema.TypeEdgeInterested, old, 3, &schema.EdgeInterested{Channel: "room", Edge: "E1", Epoch: 4}); len(r.Outputs) != 0 {
		t.Errorf("an interest of an expired epoch: %s, outputs %v", r.Verdict, r.Outputs)
	}
	step(schema.TypeEdgeStarted, newer, 1, &schema.EdgeStarted{Edge: "E1", Epoch: 9})
	if r := step(schema.TypeMessagePublished, old, 4, says("too late")); len(r.Outputs) != 0 {
		t.Errorf("of an epoch that is followed: %s, outputs %v", r.Verdict, r.Outputs)
	}
}
