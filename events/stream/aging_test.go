package stream_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/internal/rooms"
)

// deleteBefore moves the start of the input's partition 0, as its retention does.
func (w *world) deleteBefore(offset int64) {
	w.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	defer cl.Close()
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Offset = offset
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic, topic.Partitions = w.topics.Lifecycle(), []kmsg.DeleteRecordsRequestTopicPartition{part}
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Topics, req.TimeoutMillis = []kmsg.DeleteRecordsRequestTopic{topic}, 5000
	for _, shard := range cl.RequestSharded(deadline(w.t), req) {
		if shard.Err != nil {
			w.t.Fatal(shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.DeleteRecordsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode != 0 {
					w.t.Fatalf("delete records: error %d", p.ErrorCode)
				}
			}
		}
	}
}

func (w *world) guest(user string) int64 {
	w.t.Helper()
	return w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, user), Status: rooms.StatusAged})
}

// What waits for the log's start goes when that has passed its cause, by a
// leave.due in the log: an edge's backlog doesn't hold it back, and nobody else
// goes.
func TestWhatHasOutlivedTheLogIsDue(t *testing.T) {
	w := newWorld(t, 1)
	s := w.start(w.config("i1"))
	w.running(s, 0)
	w.aliveAs(schema.Heartbeat{Instance: "e1", Epoch: 1, OldestMS: 60_000})
	events, input := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.Lifecycle(), 0)
	w.guest("alice")
	bob := w.guest("bob")
	w.guest("carol")
	wantSaid(t, events.said(3), "join alice 1", "join bob 1", "join carol 1")
	_, first := input.event(schema.TypeOwnerStarted)
	w.deleteBefore(bob + 1)
	wantSaid(t, events.said(2), "left alice", "left bob")
	w.connect("e1", 1, "dave")
	wantSaid(t, events.said(1), "join dave 1")

	// The next owner looks once more, at what the log's start has passed since.
	w.stop(s)
	w.deleteBefore(bob + 2)
	s = w.start(w.config("i2"))
	wantSaid(t, events.said(1), "left carol")
	w.running(s, 0)
	_, second := input.event(schema.TypeOwnerStarted)
	if first == second {
		t.Error("there was no second owner")
	}
	if v, _ := s.View(0); v.Len() != 1 {
		t.Errorf("%d entities, want dave's alone", v.Len())
	}
}

// An edge that the log no longer knows is forgotten, by the log itself: every
// replay forgets it at the same place.
func TestAnEdgeThatFellOutOfTheLogIsForgotten(t *testing.T) {
	w := newWorld(t, 1)
	w.running(w.start(impatient(w.config("i1"))), 0)
	input := w.tail(w.topics.Lifecycle(), 0)
	w.connect("e1", 1, "alice")
	_, data := input.event(schema.TypeEdgeExpired)
	if d := data.(*schema.EdgeExpired); d.Edge != "e1" || d.LogStart != 0 {
		t.Fatalf("%+v, want e1's lease to have run out", d)
	}
	input.event(schema.TypeSessionDisconnected)
	at := w.connect("e2", 1, "bob")
	w.deleteBefore(at)
	for {
		_, data := input.event(schema.TypeEdgeExpired)
		if d := data.(*schema.EdgeExpired); d.LogStart > 0 {
			if d.Edge != "e1" || d.Epoch != 1 || d.LogStart != at {
				t.Fatalf("forgotten: %+v, want e1 with a log that begins at %d", d, at)
			}
			return
		}
	}
}
