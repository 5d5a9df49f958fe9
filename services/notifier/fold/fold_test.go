package fold

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

func TestStateThenChanges(t *testing.T) {
	w := newWorld(t)
	w.expect(w.joined("room", "bob", nil), "")
	w.expect(w.joined("room", "alice", nil), "")
	w.expect(w.joined("hall", "carol", nil), "")
	w.expect(w.interested("room", "E1", 1, 1), "E1/1 room 7:3 state#1 [alice@1 bob@0]")
	w.expect(w.joined("room", "carol", nil), "E1/1 room 7:4 joined carol")
	w.expect(w.updated("room", "carol", schema.Meta{"nick": "c"}), "E1/1 room 7:5 updated carol")
	w.expect(w.left("room", "bob"), "E1/1 room 7:6 left bob")
	w.expect(w.message("room", "hello"), "E1/1 room 7:7 message hello")
	w.expect(w.message("hall", "hello"), "")
	w.expect(w.interested("room", "E1", 1, 2), "E1/1 room 7:9 state#2 [alice@1 carol@4]")
}

func TestAnEmptyChannelHasAState(t *testing.T) {
	w := newWorld(t)
	w.expect(w.interested("room", "E1", 1, 1), "E1/1 room 7:0 state#1 []")
	w.expect(w.interested("@alice", "E1", 1, 1), "E1/1 @alice 7:1 state#1 []")
	w.expect(w.joined("@alice", "alice", nil), "E1/1 @alice 7:2 joined alice")
}

func TestRosterOnlyChanges(t *testing.T) {
	nick := schema.Meta{"nick": "a"}
	w := newWorld(t)
	w.interested("room", "E1", 1, 1)
	w.expect(w.left("room", "alice"), "")
	w.expect(w.joined("room", "alice", nil), "E1/1 room 7:2 joined alice")
	w.expect(w.joined("room", "alice", nil), "")
	w.expect(w.joined("room", "alice", nick), "E1/1 room 7:4 updated alice")
	w.expect(w.updated("room", "alice", nick), "")
	w.expect(w.updated("room", "bob", nick), "E1/1 room 7:6 joined bob") // the log's head is gone
	w.expect(w.interested("room", "E1", 1, 2), "E1/1 room 7:7 state#2 [alice@2 bob@6]")
	w.expect(w.left("room", "alice"), "E1/1 room 7:8 left alice")
	w.expect(w.left("room", "alice"), "")
}

func TestEdgesAreToldInOrder(t *testing.T) {
	w := newWorld(t)
	for _, edge := range []string{"E3", "E1", "E2"} {
		w.interested("room", edge, 1, 1)
	}
	w.expect(w.message("room", "x"), "E1/1 room 7:3 message x; E2/1 room 7:3 message x; E3/1 room 7:3 message x")
}

func TestInterestEnds(t *testing.T) {
	const told = "E1/2 room 7:2 message x"
	for _, test := range []struct {
		name string
		end  func(w *world)
		want string
	}{
		{"withdrawn", func(w *world) { w.uninterested("room", "E1", 2) }, ""},
		{"withdrawn by an older epoch", func(w *world) { w.uninterested("room", "E1", 1) }, told},
		{"withdrawn elsewhere", func(w *world) { w.uninterested("hall", "E1", 2) }, told},
		{"a later epoch started", func(w *world) { w.started("E1", 3) }, ""},
		{"its own epoch started", func(w *world) { w.started("E1", 2) }, told},
		{"another edge started", func(w *world) { w.started("E2", 3) }, told},
		{"its epoch expired", func(w *world) { w.expired("E1", 2) }, ""},
		{"an older epoch expired", func(w *world) { w.expired("E1", 1) }, told},
		{"an older epoch asks", func(w *world) { w.expect(w.interested("room", "E1", 1, 9), "") }, told},
		{"a later epoch asks", func(w *world) { w.interested("room", "E1", 3, 1) }, "E1/3 room 7:2 message x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.interested("room", "E1", 2, 1)
			test.end(w)
			w.expect(w.message("room", "x"), test.want)
		})
	}
}

func TestFencedEventsChangeNothing(t *testing.T) {
	w := newWorld(t)
	w.interested("room", "E1", 1, 1)
	w.expect(w.add(schema.TypeMessagePublished, "room", true, &schema.MessagePublished{Channel: "room", Body: "late"}), "")
	w.expect(w.add(schema.TypeEdgeInterested, "room", true, &schema.EdgeInterested{Channel: "room", Edge: "E2", Epoch: 1}), "")
	w.expect(w.message("room", "x"), "E1/1 room 7:3 message x")
}

func TestTheCountIsThatOfTheRoster(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.joined("room", fmt.Sprintf("u%d", i), nil)
	}
	w.left("room", "u0")
	w.joined("room", "u1", nil)
	if e, _ := w.store.Snapshot().Get(channelKey("room")); e.(*Channel).Count != 4 {
		t.Fatalf("count %d, want 4", e.(*Channel).Count)
	}
	for i := range 5 {
		w.left("room", fmt.Sprintf("u%d", i))
	}
	if n := w.store.Snapshot().Len(); n != 0 {
		t.Fatalf("an empty channel leaves %d entities behind", n)
	}
}

func TestScenario25AnOldAnswerDoesNotFillANewCache(t *testing.T) {
	w := newWorld(t)
	var c cache
	var mailbox []stream.Output
	w.joined("room", "alice", nil)
	mailbox = append(mailbox, w.interested("room", "E1", 1, 1)...)
	mailbox = append(mailbox, w.left("room", "alice")...)
	mailbox = append(mailbox, w.uninterested("room", "E1", 1)...)
	w.joined("room", "bob", nil)
	c.ask(2) // the cache that asked first is gone before its answer arrives
	mailbox = append(mailbox, w.interested("room", "E1", 1, 2)...)
	for i, out := range mailbox {
		c.take(t, out.Mailbox.Entry)
		if c.filled != (i == len(mailbox)-1) {
			t.Fatalf("filled %v by %s", c.filled, inWords(t, out))
		}
	}
	if !c.holds(map[string]schema.Meta{"bob": nil}) {
		t.Fatalf("members %v", c.members)
	}
}

func TestScenario28StateInParts(t *testing.T) {
	w := newWorld(t)
	meta := schema.Meta{"about": strings.Repeat("<", 4<<10/6)} // 4 KiB as it is encoded
	for i := range 256 {
		w.joined("room", fmt.Sprintf("u%03d", i), meta)
	}
	w.joined("hall", "alice", nil)
	outputs := w.interested("room", "E1", 1, 1)
	var users []string
	for i, out := range outputs {
		if size := len(out.Mailbox.Entry.Data); size > schema.MaxStatePart {
			t.Fatalf("part %d has %d bytes, at most %d are allowed", i, size, schema.MaxStatePart)
		}
		state := decode[schema.ChannelState](t, out.Mailbox.Entry.Data)
		if state.Part != i || state.Parts != len(outputs) || state.Request != 1 || len(state.Members) == 0 ||
			out.Mailbox.Entry.Version != outputs[0].Mailbox.Entry.Version {
			t.Fatalf("part %d is %d of %d, request %d, version %s", i, state.Part, state.Parts, state.Request, out.Mailbox.Entry.Version)
		}
		for _, m := range state.Members {
			users = append(users, m.User)
		}
	}
	if len(outputs) < 2 || len(users) != 256 || !slices.IsSorted(users) {
		t.Fatalf("%d users in %d parts", len(users), len(outputs))
	}
	w.expect(w.interested("hall", "E1", 1, 1), "E1/1 hall 7:258 state#1 [alice@256]")
}

func TestStatePartIsAChannelState(t *testing.T) {
	w := newWorld(t)
	w.joined("room", "al\"ice", schema.Meta{"nick": "<a>"})
	out := w.interested("room", "E1", 1, 12)
	state := decode[schema.ChannelState](t, out[0].Mailbox.Entry.Data)
	again := mustMarshal(t, state)
	if !bytes.Equal(again, out[0].Mailbox.Entry.Data) {
		t.Fatalf("got  %s\nwant %s", out[0].Mailbox.Entry.Data, again)
	}
}

func TestScenario30NoDecodableEventMakesTheFoldPanic(t *testing.T) {
	const odd = "\x00\x01\xff"
	events := map[schema.Type]any{
		schema.TypePresenceJoined:   &schema.PresenceJoined{Channel: odd, User: "a"},
		schema.TypePresenceUpdated:  &schema.PresenceUpdated{Channel: odd, User: "b"},
		schema.TypePresenceLeft:     &schema.PresenceLeft{Channel: odd, User: "a"},
		schema.TypeMessagePublished: &schema.MessagePublished{Channel: odd},
		schema.TypeEdgeInterested:   &schema.EdgeInterested{Channel: odd, Edge: odd, Epoch: -1, MailboxPartition: 1<<31 - 1, Request: -1},
		schema.TypeEdgeUninterested: &schema.EdgeUninterested{Channel: odd, Edge: odd, Epoch: -1},
		schema.TypeEdgeStarted:      &schema.EdgeStarted{Edge: odd, Epoch: -1},
		schema.TypeEdgeExpired:      &schema.EdgeExpired{Edge: odd},
		schema.TypeSessionUpdated:   &schema.SessionUpdated{Ref: schema.Ref{Session: "s", User: "u", Edge: "e"}},
	}
	w := newWorld(t)
	for range events { // in ever other orders: that of a map
		for typ, data := range events {
			w.add(typ, odd, false, data)
			w.add(typ, odd, true, data)
		}
	}
}
