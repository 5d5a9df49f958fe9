package stream_test

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

// Invariant 9: an output that a broker refuses for good has a stated end, and so
// has a dead letter that is too large.
func TestARefusedOutputGoesToTheDeadLetter(t *testing.T) {
	w := newWorld(t, 1)
	w.configure(w.topics.ChannelEvents(), "max.message.bytes", "10000")
	w.configure(w.topics.DeadLetter(), "max.message.bytes", "10000")
	s := w.start(w.config("i1"))
	events, dead := w.tail(w.topics.ChannelEvents(), 0), w.tail(w.topics.DeadLetter(), 0)
	w.connect("e1", 1, "alice")
	at := w.write("e1", 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, "mallory"), Status: strings.Repeat("x", 20_000)})
	w.connect("e1", 1, "bob")
	wantSaid(t, events.said(2), "join alice 1", "join bob 1")
	var letter schema.DeadLetter
	mustJSON(t, dead.next().Value, &letter)
	if letter.Topic != w.topics.Lifecycle() || letter.Offset != at || !strings.Contains(letter.Error, "is refused") ||
		!strings.Contains(letter.Error, "too large") || !strings.Contains(letter.Error, "cut to 4000") ||
		!strings.Contains(string(letter.Value), "mallory") {
		t.Errorf("dead letter %+v", letter)
	}
	// A poison input of that size is no less bounded.
	at = w.raw(w.topics.Lifecycle(), []byte(strings.Repeat("no event ", 5_000)))
	w.connect("e1", 1, "carol")
	wantSaid(t, events.said(1), "join carol 1")
	mustJSON(t, dead.next().Value, &letter)
	if letter.Offset != at || len(letter.Value) != 4000 {
		t.Errorf("dead letter of offset %d with %d bytes", letter.Offset, len(letter.Value))
	}
	w.ready(s)
}
