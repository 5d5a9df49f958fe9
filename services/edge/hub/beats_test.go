package hub

import (
	"strings"
	"testing"
)

// beatConn notes when heart-beats may begin.
type beatConn struct {
	fakeConn
	steps []string
}

func (c *beatConn) Send(f []byte) error {
	command, _, _ := strings.Cut(string(f), "\n")
	c.steps = append(c.steps, command)
	return c.fakeConn.Send(f)
}

func (c *beatConn) KeepAlive(heartBeats bool) {
	if heartBeats {
		c.steps = append(c.steps, "heart-beats")
	}
}

func TestHeartBeatsBeginAfterConnected(t *testing.T) {
	for asked, want := range map[string]string{
		"1000,1000": "CONNECTED heart-beats RECEIPT",
		"1000,0":    "CONNECTED RECEIPT",
	} {
		s, conn := newStage(t), &beatConn{}
		c := s.h.Open(conn, "", "")
		feed(c, "CONNECT\naccept-version:1.2\nhost:h\nlogin:alice\nheart-beat:%s\n\n\x00", asked)
		feed(c, "SEND\ndestination:/topic/room.1\nreceipt:r\n\nhello\x00")
		s.out.ack()
		if got := strings.Join(conn.steps, " "); got != want {
			t.Errorf("heart-beat %s: %s, want %s", asked, got, want)
		}
	}
}
