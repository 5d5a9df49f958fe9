package hub

import (
	"maps"
	"testing"

	"rollcall.dev/events/schema"
)

// What a client doesn't name stays, and the log is told of all that holds, also
// when the session is announced again.
func TestUpdate(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	conn.got()
	for _, step := range []struct {
		say    string
		meta   schema.Meta
		status string
	}{
		{`{"meta":{"color":"teal"}}`, schema.Meta{"color": "teal"}, ""},
		{`{"status":"away"}`, schema.Meta{"color": "teal"}, "away"},
		{`{"meta":{"lang":"de"}}`, schema.Meta{"lang": "de"}, "away"},
		{`{}`, schema.Meta{"lang": "de"}, "away"},
		{`{"meta":{}}`, nil, "away"},
		{`{"status":""}`, nil, ""},
	} {
		s.out.told()
		feed(c, "SEND\ndestination:/app/session/meta\nreceipt:r\n\n%s\x00", step.say)
		s.out.mu.Lock()
		d, ok := s.out.events[0].Data.(*schema.SessionUpdated)
		s.out.mu.Unlock()
		if !ok || !maps.Equal(d.Meta, step.meta) || d.Status != step.status {
			t.Fatalf("after %s the log was told %+v", step.say, d)
		}
		s.want("before it is acknowledged", conn.got())
		s.out.ack()
		s.want("client", conn.got(), "RECEIPT r")
		again := c.(*client).connected(true)
		if !maps.Equal(again.Meta, step.meta) || again.Status != step.status {
			t.Fatalf("after %s announced with %v %q", step.say, again.Meta, again.Status)
		}
	}
}

// An update that finds the outbox full is told by the announcement that makes
// good for it.
func TestUpdateWithoutRoom(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	s.out.told()
	conn.got()
	s.out.set(func() { s.out.refuse = true })
	feed(c, "SEND\ndestination:/app/session/meta\nreceipt:r\n\n{\"status\":\"away\"}\x00")
	s.want("told", s.out.told())
	s.out.set(func() { s.out.refuse = false })
	s.h.workOff()
	s.out.mu.Lock()
	d, ok := s.out.events[0].Data.(*schema.SessionConnected)
	s.out.mu.Unlock()
	if !ok || !d.Reannounced || d.Status != "away" {
		t.Fatalf("told %+v", d)
	}
	s.out.ack()
	s.want("client", conn.got(), "RECEIPT r")
}
