package hub

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/outbox"
)

// The acknowledgement of a message may come while DISCONNECT is carried out:
// until session.disconnected is in the log too, nothing is confirmed.
func TestDisconnectIsNotConfirmedByWhatWasSentBefore(t *testing.T) {
	s := newStage(t)
	c, conn := s.connect("alice")
	feed(c, "SEND\ndestination:/topic/room\n\nhi\x00")
	conn.onEnd = func() {
		s.out.ack()
		if conn.ended {
			t.Fatalf("closed with %q before the end is in the outbox", conn.last)
		}
	}
	feed(c, "DISCONNECT\nreceipt:bye\n\n\x00")
	if conn.ended {
		t.Fatalf("closed with %q before the end is in the log", conn.last)
	}
	s.out.ack()
	if !conn.ended || conn.code != 1000 || !strings.Contains(conn.last, "receipt-id:bye") {
		t.Fatalf("%v %d %q", conn.ended, conn.code, conn.last)
	}
}

// It may also come before the call that adds the end has returned.
func TestDisconnectIsConfirmedByAnAcknowledgementAtOnce(t *testing.T) {
	s := newStage(t)
	s.out.auto = true
	c, conn := s.connect("alice")
	feed(c, "DISCONNECT\nreceipt:bye\n\n\x00")
	if !conn.ended || !strings.Contains(conn.last, "receipt-id:bye") {
		t.Fatalf("%v %q", conn.ended, conn.last)
	}
}

// A receipt of DISCONNECT stands for all that was sent. If a message or the end
// itself will never be in the log, there is none; what an announcement has
// healed meanwhile doesn't count.
func TestDisconnectIsNotConfirmedWithoutWhatWasSent(t *testing.T) {
	for _, tc := range []struct {
		lost      schema.Type
		confirmed bool
	}{
		{schema.TypeMessagePublished, false},
		{schema.TypeSessionDisconnected, false},
		{schema.TypeSessionConnected, true},
	} {
		s := newStage(t)
		c, conn := s.connect("alice")
		feed(c, "SEND\ndestination:/topic/room\n\nhi\x00DISCONNECT\nreceipt:bye\n\n\x00")
		s.out.land(func(ev outbox.Event) bool { return ev.Type != tc.lost })
		if !conn.ended || conn.code != 1000 || strings.Contains(conn.last, "receipt-id:bye") != tc.confirmed {
			t.Errorf("%s is lost: %v %d %q", tc.lost, conn.ended, conn.code, conn.last)
		}
	}
	s := newStage(t)
	c, conn := s.connect("alice")
	s.out.set(func() { s.out.refuse = true })
	feed(c, "SEND\ndestination:/topic/room\n\nhi\x00DISCONNECT\nreceipt:bye\n\n\x00")
	s.out.ack()
	if !conn.ended || strings.Contains(conn.last, "RECEIPT") {
		t.Errorf("the outbox had no room: %v %q", conn.ended, conn.last)
	}
}
