package hub

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/mailbox"
)

// What is taken reaches everybody: a body is measured as it is written, its
// content type with it.
func TestABodyOfMarkup(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	subscribe(c, "1", "/topic/room", "")
	s.answer("room")
	conn.got()
	markup := strings.Repeat("<", 60<<10)
	s.out.told()
	feed(c, "SEND\ndestination:/topic/room\n\n%s\x00", markup)
	if conn.ended {
		t.Fatal(conn.last)
	}
	s.deliver("room", s.out.events[0].Data)
	if len(conn.frames) != 1 || !strings.Contains(conn.frames[0], markup) {
		t.Fatal("not delivered as it is")
	}
	subscribe(c, "2", queueMessages, "")
	s.h.Deliver(&mailbox.Delivery{Commands: []mailbox.Command{{ID: "1", SessionCommand: &schema.SessionCommand{
		User: "alice", Session: c.(*client).id, Action: schema.ActionMessage, Body: markup}}}})
	if len(conn.frames) != 2 || !strings.Contains(conn.frames[1], markup) {
		t.Fatal("the user's own is not delivered as it is")
	}
	// 126 KB and 6 KB of escapes are too much together.
	feed(c, "SEND\ndestination:/topic/room\ncontent-type:%s\n\n%s\x00", strings.Repeat("\x01", 1000), strings.Repeat("\x01", 20<<10))
	if !conn.ended || conn.code != 1009 {
		t.Fatal("a message that nobody's queue takes was taken")
	}
}
