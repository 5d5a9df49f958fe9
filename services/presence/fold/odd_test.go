package fold

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// odd is one event that can't be, after what has happened before it.
type odd struct {
	name   string
	before []string
	event  string
	want   string // kinds
	// says: what follows nonetheless.
	says string
}

var oddities = []odd{
	{"a second connected", []string{"connect a1"}, "connect a1", oddConnectedLive, ""},
	{"an announcement of a live session is none", []string{"connect a1"}, "announce a1", "", ""},
	{"subscribed of nobody", nil, "subscribe a1 room", oddSubscribedUnknown, ""},
	{"subscribed after the end", []string{"connect a1", "logout a1"}, "subscribe a1 room", oddSubscribedUnknown, ""},
	{"subscribed while held", []string{"connect a1", "drop a1"}, "subscribe a1 room", oddSubscribedUnknown, ""},
	{"unsubscribed of nobody", nil, "unsubscribe a1 room", oddUnsubscribedUnknown, ""},
	{"unsubscribed of what was never subscribed", []string{"connect a1", "subscribe a1 hall"}, "unsubscribe a1 room", oddNeverSubscribed, ""},
	{"unsubscribed twice", []string{"connect a1", "subscribe a1 room", "unsubscribe a1 room"}, "unsubscribe a1 room", oddNeverSubscribed, ""},
	{"updated of nobody", nil, "update a1 nick", oddUpdatedUnknown, ""},
	{"updated after the end", []string{"connect a1", "logout a1"}, "update a1 nick", oddUpdatedUnknown, ""},
	{"disconnected of nobody", nil, "drop a1", oddDisconnectedUnknown, ""},
	{"disconnected twice", []string{"connect a1", "drop a1"}, "logout a1", oddDisconnectedUnknown, ""},
	{"what the task wrote itself is none", []string{"connect a1", "expire E1"}, "readback", "", ""},
	{"nor is a repeated due", []string{"connect a1", "drop a1", "due a1"}, "due a1", "", ""},
	{"nor a kick of nobody", nil, "kick alice a1", "", ""},
	{"the end that another edge tells", []string{"connect a1 E1", "move a1 E2"}, "logout a1", oddOtherEdge, "left @alice alice client_disconnect"},
	{"a fenced event is counted as such", []string{"connect a1", "expire E1"}, "subscribe a1 room", "", ""},
}

func TestWhatCannotBeIsNoted(t *testing.T) {
	for _, test := range oddities {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, grace)
			w.edges["a1"] = "E1"
			for _, line := range test.before {
				w.run(line)
			}
			before := dump(t, w.store)
			w.odd = nil
			if got := w.run(test.event); got != test.says {
				t.Errorf("told %q, want %q", got, test.says)
			}
			if got := strings.Join(w.odd, " "); got != test.want {
				t.Errorf("noted %q, want %q", got, test.want)
			}
			if after := dump(t, w.store); test.says == "" && after != before {
				t.Errorf("state\n%s, before\n%s", after, before)
			}
		})
	}
}

func TestTypesOfAnotherTopicAreNoted(t *testing.T) {
	w := newWorld(t, grace)
	for typ, data := range map[schema.Type]any{
		schema.TypePresenceLeft:     &schema.PresenceLeft{Channel: "room", User: "alice", Reason: schema.ReasonKicked},
		schema.TypeMessagePublished: &schema.MessagePublished{Channel: "room"},
		schema.TypeEdgeInterested:   &schema.EdgeInterested{Channel: "room", Edge: "E1"},
	} {
		w.odd = nil
		if out := w.add(typ, "alice", schema.APISource("p"), false, data); len(out) > 0 || !slices.Equal(w.odd, []string{oddMisplaced}) {
			t.Errorf("%s: told %d things, noted %q", typ, len(out), w.odd)
		}
	}
}

// An event about the session of one edge that another, or another epoch, wrote.
func TestAnEventOfAnotherSourceIsNoted(t *testing.T) {
	for source, want := range otherSources {
		w := newWorld(t, grace)
		w.edges["a1"] = "E1"
		w.run("connect a1")
		w.odd = nil
		ref := schema.Ref{Session: "a1", User: "alice", Edge: "E1", Epoch: w.epochs["E1"]}
		w.add(schema.TypeSessionUpdated, "alice", source, false, &schema.SessionUpdated{Ref: ref})
		if len(w.odd) != want || want > 0 && w.odd[0] != oddOtherEdge {
			t.Errorf("%s: noted %q", source, w.odd)
		}
	}
}

// Its lease would be the source's: nothing would ever end such a session. Who
// reads the log alone is told its end.
func TestNobodyBeginsASessionUnderAnothersName(t *testing.T) {
	for source, want := range otherSources {
		w := newWorld(t, grace)
		d := &schema.SessionConnected{Ref: schema.Ref{Session: "a1", User: "alice", Edge: "E1", Epoch: 1}}
		out := w.add(schema.TypeSessionConnected, "alice", source, false, d)
		joined := len(out) == 1 && out[0].Type == schema.TypePresenceJoined
		ended := len(out) == 1 && out[0].Type == schema.TypeSessionDisconnected
		if _, live := w.store.Snapshot().Get(sessionKey("alice", "a1")); live != (want == 0) || joined != live || ended == live || len(w.odd) != want {
			t.Errorf("%s: live %v, noted %q, told %v", source, live, w.odd, out)
		}
	}
}

// otherSources says of sources whether they aren't E1's epoch 1.
var otherSources = map[string]int{
	schema.EdgeSource("E1", 1): 0, schema.EdgeSource("E1", 2): 1, schema.EdgeSource("E2", 1): 1, schema.APISource("p"): 1, "/nobody": 1,
}

// The machine passes on what a fold notes, but nothing of a record that it
// discards.
func TestOdditiesAreInTheResult(t *testing.T) {
	w := newWorld(t, grace)
	w.edges["a1"] = "E1"
	w.run("drop a1")
	m := stream.NewMachine(New(), partition)
	if r := m.Step(w.records[0]); len(r.Odd) != 0 {
		t.Errorf("owner.started: %q", r.Odd)
	}
	if r := m.Step(w.records[1]); !slices.Equal(r.Odd, []string{oddDisconnectedUnknown}) {
		t.Errorf("disconnected of nobody: %v %q", r.Verdict, r.Odd)
	}
}

// Or a kick of a whole user would be poison, and meet none of their sessions.
func TestNobodyBeginsASessionThatNoCommandReaches(t *testing.T) {
	w := newWorld(t, grace)
	w.run("connect a1")
	w.edges["a2"] = "E1"
	w.fromEdge(schema.TypeSessionConnected, "a2", &schema.SessionConnected{Ref: w.ref("a2"), MailboxPartition: 8})
	w.run("kick alice")
	for _, test := range []struct {
		name  string
		known int // records before the number of partitions is
		want  string
		odd   []string
	}{
		{"refused", 0, "end a2/1; mail a1", []string{oddNoMailbox}},
		{"begun by a former version", 3, "mail a1", []string{oddNoMailbox}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := stream.NewMachine(New(), partition)
			m.Begin("inc", 0)
			var told, noted []string
			for i, rec := range w.records {
				if i == test.known {
					m.Partitions(8)
				}
				r := m.Step(rec)
				if r.Verdict != stream.Applied {
					t.Fatalf("offset %d: %s, %v", rec.Offset, r.Verdict, r.Err)
				}
				told, noted = append(told, toldOf(t, r.Outputs)...), append(noted, r.Odd...)
			}
			if got := strings.Join(told, "; "); got != test.want || !slices.Equal(noted, test.odd) {
				t.Errorf("told %q, noted %q", got, noted)
			}
		})
	}
}

// toldOf are the ends and the commands among outputs.
func toldOf(t *testing.T, outputs []stream.Stamped) (told []string) {
	for _, out := range outputs {
		if out.Mailbox != nil {
			var d schema.SessionCommand
			if err := json.Unmarshal(out.Mailbox.Entry.Data, &d); err != nil {
				t.Fatal(err)
			}
			told = append(told, "mail "+d.Session)
		} else if _, data, err := schema.Decode(out.Value); err != nil {
			t.Fatal(err)
		} else if d, ok := data.(*schema.SessionDisconnected); ok {
			told = append(told, fmt.Sprintf("end %s/%d", d.Session, d.Epoch))
		}
	}
	return told
}
