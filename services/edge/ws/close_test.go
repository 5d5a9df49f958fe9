package ws

import (
	"strings"
	"testing"

	"rollcall.dev/services/edge/transport"
)

func TestCloseDeliversWhatWaits(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", "")
	c := p.handler.conn
	for range 3 {
		_ = c.Send([]byte(strings.Repeat("w", 50_000)))
	}
	c.Close(1008, "kicked", []byte("ERROR"))
	c.Close(1000, "second", []byte("not this"))
	if err := c.Send([]byte("late")); err != transport.ErrClosed {
		t.Errorf("Send while closing: %v", err)
	}
	for range 3 {
		p.want(text, strings.Repeat("w", 50_000))
	}
	p.want(text, "ERROR")
	p.wantClose(1008, "kicked")
	p.send(text, "ignored")
	p.send(closes, string(closePayload(1008, "")))
	p.wantEOF()
	end := p.handler.end(t)
	if end.Cause != transport.Local || end.Code != 1008 || !end.Clean {
		t.Errorf("end %+v", end)
	}
	if handled, _ := p.handler.seen(); len(handled) != 0 {
		t.Errorf("handled while closing: %q", handled)
	}
}

func TestLongReasonIsCut(t *testing.T) {
	f := serve(t, Options{})
	p := f.overTCP("", "")
	p.handler.conn.Close(1000, strings.Repeat("r", 500), nil)
	p.wantClose(1000, strings.Repeat("r", maxReason))
}

// The peer's close frame is echoed and told with its code.
func TestPeerCloses(t *testing.T) {
	tests := []struct {
		name    string
		payload []byte
		answer  []byte
		code    int
		cause   transport.Cause
		faults  int
		unclean bool
	}{
		{"normal", closePayload(1000, "bye"), closePayload(1000, ""), 1000, transport.Peer, 0, false},
		{"tab closed", closePayload(1001, ""), closePayload(1001, ""), 1001, transport.Peer, 0, false},
		{"a client that blames us", closePayload(1002, "eh"), closePayload(1002, ""), 1002, transport.Peer, 0, false},
		{"own code", closePayload(4001, "x"), closePayload(4001, ""), 4001, transport.Peer, 0, false},
		{"no code", nil, nil, transport.CodeNoStatus, transport.Peer, 0, false},
		{"half a code", []byte{3}, closePayload(1002, "violation"), 1002, transport.Violation, 1, true},
		{"reserved code", closePayload(1005, ""), closePayload(1002, "violation"), 1002, transport.Violation, 1, true},
		{"reason that is no UTF-8", closePayload(1001, "\xff"), closePayload(1007, "violation"), 1007, transport.Violation, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := serve(t, Options{})
			p := f.overTCP("", "")
			p.send(closes, string(tt.payload))
			p.want(closes, string(tt.answer))
			p.wantEOF()
			p.Conn.Close()
			end := p.handler.end(t)
			if end.Cause != tt.cause || end.Code != tt.code || end.Clean == tt.unclean {
				t.Errorf("end %+v", end)
			}
			if _, faults := p.handler.seen(); len(faults) != tt.faults {
				t.Errorf("faults %+v", faults)
			}
		})
	}
}

// What breaks WebSocket is answered by an ERROR of the session, then the
// right code; the others don't notice.
func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		bytes string
		cause transport.Cause
		code  uint16
	}{
		{"64-bit length with the top bit", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04", transport.Violation, 1002},
		{"announced 1 GiB", "\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00\x01\x02\x03\x04", transport.TooLarge, 1009},
		{"too large, sent whole", string(masked(text, strings.Repeat("x", 2<<20))), transport.TooLarge, 1009},
		{"too large in fragments", string(masked(1, strings.Repeat("x", 40<<10))) + string(masked(fin, strings.Repeat("x", 40<<10))), transport.TooLarge, 1009},
		{"not masked", "\x81\x01x", transport.Violation, 1002},
		{"reserved bit", "\xc1\x81\x00\x00\x00\x00x", transport.Violation, 1002},
		{"unknown opcode", string(masked(0x83, "x")), transport.Violation, 1002},
		{"fragmented ping", string(masked(byte(opPing), "x")), transport.Violation, 1002},
		{"continuation of nothing", string(masked(fin, "x")), transport.Violation, 1002},
		{"text that is no UTF-8", string(masked(text, "\xff\xfe")), transport.Violation, 1007},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := serve(t, Options{})
			f.fault = func(c transport.Conn, fault transport.Fault) {
				c.Close(fault.Code, fault.Cause.String(), []byte("ERROR "+fault.Cause.String()))
			}
			bystander := f.overTCP("", "")
			p := f.overTCP("", "")
			p.send(text, "before")
			p.want(text, "before")
			go func() { _, _ = p.Write([]byte(tt.bytes)) }()
			p.want(text, "ERROR "+tt.cause.String())
			p.wantClose(tt.code, tt.cause.String())
			p.wantEOF()
			p.Conn.Close()
			end := p.handler.end(t)
			if end.Cause != tt.cause || end.Code != int(tt.code) || end.Clean {
				t.Errorf("end %+v", end)
			}
			bystander.alive()
			if f.Len() != 1 {
				t.Errorf("%d connections are registered, want the bystander's", f.Len())
			}
		})
	}
}

// The frame that panics gws (its 64-bit length becomes a negative int) costs
// its sender the connection even if it gets through to gws.
func TestFrameThatPanicsGWSCostsOnlyItsSender(t *testing.T) {
	f := serve(t, Options{})
	f.unguarded = true
	bystander := f.overTCP("", "")
	p := f.overTCP("", "")
	if _, err := p.Write([]byte("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04")); err != nil {
		t.Fatal(err)
	}
	p.wantClose(1011, "internal error")
	p.wantEOF()
	if end := p.handler.end(t); end.Cause != transport.Panic || end.Code != 1011 {
		t.Errorf("end %+v", end)
	}
	bystander.alive()
	if f.Len() != 1 {
		t.Errorf("%d connections are registered, want the bystander's", f.Len())
	}
}

func TestPanicOfAHandlerCostsOnlyItsConnection(t *testing.T) {
	f := serve(t, Options{})
	f.data = func(c transport.Conn, p []byte) {
		if string(p) == "panic" {
			panic("defect")
		}
		_ = c.Send(p)
	}
	bystander := f.overTCP("", "")
	p := f.overTCP("", "")
	p.send(text, "panic")
	p.wantClose(1011, "internal error")
	p.send(closes, "")
	if end := p.handler.end(t); end.Cause != transport.Panic {
		t.Errorf("end %+v", end)
	}
	bystander.alive()
}
