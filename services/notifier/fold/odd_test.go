package fold

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

func TestWhatCannotBeIsNoted(t *testing.T) {
	nick := schema.Meta{"nick": "a"}
	for _, test := range []struct {
		name string
		do   func(w *world)
		want string
	}{
		{"a life", func(w *world) {
			w.joined("room", "alice", nil)
			w.updated("room", "alice", nick)
			w.left("room", "alice")
		}, ""},
		{"joined twice", func(w *world) { w.joined("room", "alice", nil); w.joined("room", "alice", nick) }, oddJoinedPresent},
		{"updated and not there", func(w *world) { w.updated("room", "alice", nick) }, oddUpdatedAbsent},
		{"left and not there", func(w *world) { w.left("room", "alice") }, oddLeftAbsent},
		{"left twice", func(w *world) { w.joined("room", "alice", nil); w.left("room", "alice"); w.left("room", "alice") }, oddLeftAbsent},
		{"an interest that comes and goes", func(w *world) { w.interested("room", "E1", 1, 1); w.uninterested("room", "E1", 1) }, ""},
		{"withdrawn, never declared", func(w *world) { w.uninterested("room", "E1", 1) }, oddNeverInterested},
		{"of another topic", func(w *world) {
			w.add(schema.TypeSessionUpdated, "alice", false, &schema.SessionUpdated{Ref: schema.Ref{Session: "s", User: "alice", Edge: "E1"}})
		}, oddMisplaced},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			test.do(w)
			if got := strings.Join(w.odd, " "); got != test.want {
				t.Errorf("noted %q, want %q", got, test.want)
			}
		})
	}
}
