package ws

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

// only is the one connection of a server, and the bucket that it is in.
func (f *fixture) only(p *peer) (*conn, *bucket) {
	f.t.Helper()
	p.alive() // so it is registered
	all := f.all.snapshot()
	if len(all) != 1 {
		f.t.Fatalf("%d connections", len(all))
	}
	return all[0], &f.all[all[0].bucket]
}

// An idle connection makes no garbage: neither a ping, nor the pong that
// answers it, nor moving the deadline.
func TestAPingAllocatesNothing(t *testing.T) {
	for name, want := range map[string][]byte{"ping": ping, "with a heart-beat": beat} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{})
			peer := f.overTCP("", "")
			peer.handler.conn.KeepAlive(len(want) > len(ping))
			c, b := f.only(peer)
			p, got, pong := newPinger(), make([]byte, len(want)), masked(fin|byte(opPong), "")
			round := func() {
				c.heardAt.Store(0)
				f.sweepBucket(p, b)
				if _, err := io.ReadFull(peer.in, got); err != nil || string(got) != string(want) {
					t.Fatalf("got %x, %v", got, err)
				}
				if _, err := peer.Write(pong); err != nil {
					t.Fatal(err)
				}
				for c.heardAt.Load() == 0 {
					runtime.Gosched()
				}
			}
			if n := testing.AllocsPerRun(25, round); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// A ping finds its place behind what is being written, and between messages.
func TestPingsKeepTheOrder(t *testing.T) {
	f := serve(t, Options{QueueBytes: 64 << 20})
	peer := f.overTCP("", "")
	_, b := f.only(peer)
	p, message := newPinger(), strings.Repeat("m", 300_000)
	const rounds = 40
	for range rounds { // far more than a socket takes
		if err := peer.handler.conn.Send([]byte(message)); err != nil {
			t.Fatal(err)
		}
		f.sweepBucket(p, b)
	}
	messages, pings := 0, 0
	for messages < rounds || pings < rounds {
		switch first, payload, err := peer.next(); {
		case err != nil:
			t.Fatal(err)
		case first == text && payload == message:
			messages++
		case first == ping[0] && payload == "" && messages > pings:
			pings++
		default:
			t.Fatalf("%#x with %d bytes after %d messages and %d pings", first, len(payload), messages, pings)
		}
	}
}

// A socket without room takes nothing, and the peer is ended as slow.
func TestAPingThatFindsNoRoom(t *testing.T) {
	f := serve(t, Options{WriteTimeout: 50 * time.Millisecond})
	peer := f.overTCP("", "")
	c, b := f.only(peer)
	raw := c.raw.(*net.TCPConn)
	_ = raw.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := raw.Write(make([]byte, 64<<20)); err == nil {
		t.Fatalf("the socket took %d bytes", n)
	}
	p := newPinger()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end) && !over(peer.handler); {
		f.sweepBucket(p, b) // until what the kernel moved on meanwhile is full, too
		runtime.Gosched()
	}
	if end := peer.handler.end(t); end.Cause != transport.Slow {
		t.Errorf("end %+v", end)
	}
}

func over(r *recorder) bool {
	select {
	case <-r.closed:
		return true
	default:
		return false
	}
}

// A closed connection is pinged no more.
func TestAPingAfterTheEnd(t *testing.T) {
	f := serve(t, Options{})
	peer := f.overTCP("", "")
	c, b := f.only(peer)
	c.Close(transport.CodePolicy, "kicked", nil)
	f.sweepBucket(newPinger(), b)
	peer.wantClose(transport.CodePolicy, "kicked")
	peer.send(closes, "\x03\xf0")
	peer.wantEOF()
	if n := newPinger().write(c.in.waiter, ping); n != 0 {
		t.Errorf("%d bytes went into a closed socket", n)
	}
}
