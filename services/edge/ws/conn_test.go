package ws

import (
	"strings"
	"testing"

	"rollcall.dev/services/edge/transport"
)

func TestEchoOfEverySize(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", "")
	for _, n := range []int{0, 1, 125, 126, 1023, 1024, 40_000, 65_535, 65_536} {
		message := strings.Repeat("x", n)
		p.send(text, message)
		p.want(text, message)
		p.send(blob, message)
		p.want(text, message)
	}
	stats := p.handler.conn.Stats()
	if stats.MessagesIn != 18 || stats.MessagesOut != 18 || stats.BytesIn != stats.BytesOut || stats.BytesIn < 2*65_536 {
		t.Errorf("stats %+v", stats)
	}
}

// Fragments make one message, a ping between them is answered at once, with
// its payload.
func TestFragmentsAndPing(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", "")
	p.send(byte(opText), "hel")
	p.send(fin|byte(opPing), "payload")
	p.want(fin|byte(opPong), "payload")
	p.send(0, "l")
	p.send(fin, "o")
	p.want(text, "hello")
}

// What a client sends together with its handshake is not lost.
func TestEarlyBytes(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", string(masked(text, "early"))+string(masked(text, "bird")))
	p.want(text, "early")
	p.want(text, "bird")
}

func TestSharedMessages(t *testing.T) {
	f := serve(t, Options{})
	p, q := f.overTCP("", ""), f.overTCP("", "")
	for _, size := range []int{10, copyBelow - 1, copyBelow, 70_000} {
		tail := []byte(strings.Repeat("t", size))
		head := []byte("head1")
		for range 3 {
			if err := p.handler.conn.SendShared(head, tail); err != nil {
				t.Fatal(err)
			}
			if err := q.handler.conn.SendShared([]byte("h2"), tail); err != nil {
				t.Fatal(err)
			}
		}
		copy(head, "XXXXX") // the head was copied
		for range 3 {
			p.want(text, "head1"+string(tail))
			q.want(text, "h2"+string(tail))
		}
	}
}

// Messages of one connection are handled one at a time, in order, and all
// before Closed, also when the connection breaks right behind them.
func TestOrderUpToTheEnd(t *testing.T) {
	f := serve(t, Options{})
	f.data = func(transport.Conn, []byte) {}
	for range 50 {
		p := f.overTCP("", "")
		var all, want []byte
		for i := range byte(20) {
			all = append(all, masked(text, string('a'+rune(i)))...)
			want = append(want, 'a'+i)
		}
		if _, err := p.Write(all); err != nil {
			t.Fatal(err)
		}
		p.Conn.Close()
		if end := p.handler.end(t); end.Cause != transport.Lost || end.Code != 1006 || end.Clean {
			t.Fatalf("end %+v", end)
		}
		if handled, _ := p.handler.seen(); strings.Join(handled, "") != string(want) {
			t.Fatalf("handled %q before Closed, want %q", handled, want)
		}
	}
}

func TestSendAfterTheEnd(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", "")
	p.Conn.Close()
	p.handler.end(t)
	c := p.handler.conn
	if err := c.Send([]byte("x")); err != transport.ErrClosed {
		t.Errorf("Send: %v", err)
	}
	c.Close(1000, "again", nil)
	c.KeepAlive(true)
	if f.Len() != 0 {
		t.Errorf("%d connections are registered", f.Len())
	}
}
