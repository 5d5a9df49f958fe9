package ws

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/services/edge/transport"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// recorder is a handler that echoes messages and keeps what else it was told.
type recorder struct {
	conn  transport.Conn
	data  func(c transport.Conn, p []byte) // nil: echo
	fault func(c transport.Conn, f transport.Fault)

	mu      sync.Mutex
	handled []string
	faults  []transport.Fault
	ends    []transport.End
	closed  chan struct{}
}

func (r *recorder) Data(p []byte) {
	r.mu.Lock()
	r.handled = append(r.handled, string(p))
	r.mu.Unlock()
	if r.data != nil {
		r.data(r.conn, p)
		return
	}
	_ = r.conn.Send(p)
}

func (r *recorder) Fault(f transport.Fault) {
	r.mu.Lock()
	r.faults = append(r.faults, f)
	r.mu.Unlock()
	if r.fault != nil {
		r.fault(r.conn, f)
	}
}

func (r *recorder) Closed(e transport.End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = append(r.ends, e)
	if len(r.ends) == 1 {
		close(r.closed)
	}
}

// end waits for the one End of a connection.
func (r *recorder) end(t *testing.T) transport.End {
	t.Helper()
	select {
	case <-r.closed:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection did not end")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ends) != 1 {
		t.Errorf("Closed was called %d times", len(r.ends))
	}
	return r.ends[0]
}

func (r *recorder) seen() (handled []string, faults []transport.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.handled...), append([]transport.Fault(nil), r.faults...)
}

// fixture is a started server whose handlers are recorders.
type fixture struct {
	*Server
	t        *testing.T
	handlers chan *recorder
	data     func(c transport.Conn, p []byte)
	fault    func(c transport.Conn, f transport.Fault)
	alive    bool // recorders call KeepAlive at once
}

func serve(t *testing.T, o Options) *fixture {
	t.Helper()
	if o.PingInterval == 0 {
		o.PingInterval = time.Hour // no ping between what a test expects
	}
	f := &fixture{t: t, handlers: make(chan *recorder, 100), alive: true}
	o.Accept = func(_ *http.Request, c transport.Conn) transport.Handler {
		r := &recorder{conn: c, data: f.data, fault: f.fault, closed: make(chan struct{})}
		if f.alive {
			c.KeepAlive(false)
		}
		f.handlers <- r
		return r
	}
	f.Server = New(o)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := f.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	return f
}

const handshake = "GET /ws HTTP/1.1\r\nHost: edge.example.com\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"

// peer is a client that can say anything.
type peer struct {
	t *testing.T
	net.Conn
	in       *bufio.Reader
	response *http.Response
	handler  *recorder
}

// overTCP connects through a real http.Server. extra stands behind the
// handshake in the same write.
func (f *fixture) overTCP(headers, extra string) *peer {
	f.t.Helper()
	server := httptest.NewServer(f.Server)
	f.t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.shake(conn, headers, extra)
}

// overPipe connects in memory, without net/http: usable in a synctest bubble.
func (f *fixture) overPipe() *peer {
	f.t.Helper()
	here, there := net.Pipe()
	go func() {
		in := bufio.NewReader(there)
		r, err := http.ReadRequest(in)
		if err == nil {
			f.ServeHTTP(pipeWriter{httptest.NewRecorder(), there, in}, r)
		}
	}()
	return f.shake(here, "", "")
}

type pipeWriter struct {
	*httptest.ResponseRecorder
	conn net.Conn
	in   *bufio.Reader
}

func (w pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.conn, bufio.NewReadWriter(w.in, bufio.NewWriter(w.conn)), nil
}

func (f *fixture) shake(conn net.Conn, headers, extra string) *peer {
	f.t.Helper()
	f.t.Cleanup(func() { conn.Close() })
	p := &peer{t: f.t, Conn: conn, in: bufio.NewReader(conn)}
	_ = conn.SetDeadline(time.Now().Add(3 * time.Hour))
	if _, err := io.WriteString(conn, handshake+headers+"\r\n"+extra); err != nil {
		f.t.Fatal(err)
	}
	var err error
	if p.response, err = http.ReadResponse(p.in, nil); err != nil {
		f.t.Fatal(err)
	}
	if p.response.StatusCode == http.StatusSwitchingProtocols {
		p.handler = <-f.handlers
	}
	return p
}

// send writes one masked frame.
func (p *peer) send(first byte, payload string) {
	p.t.Helper()
	if _, err := p.Write(masked(first, payload)); err != nil {
		p.t.Fatal(err)
	}
}

func masked(first byte, payload string) []byte {
	frame := appendHeader(nil, 0, len(payload))
	frame[0] = first
	frame[1] |= 0x80
	mask := []byte{1, 2, 3, 4}
	frame = append(frame, mask...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^mask[i%4])
	}
	return frame
}

const (
	fin    = 0x80
	text   = fin | byte(opText)
	blob   = fin | 2
	closes = fin | byte(opClose)
)

// next reads one frame of the server; its first byte and payload.
func (p *peer) next() (byte, string, error) {
	var head [2]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		return 0, "", err
	}
	if head[1]&0x80 != 0 {
		return 0, "", errors.New("masked frame of a server")
	}
	n := int(head[1])
	switch n {
	case 126:
		var b [2]byte
		_, _ = io.ReadFull(p.in, b[:])
		n = int(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, _ = io.ReadFull(p.in, b[:])
		n = int(binary.BigEndian.Uint64(b[:]))
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(p.in, payload)
	return head[0], string(payload), err
}

// want reads one frame and compares it.
func (p *peer) want(first byte, payload string) {
	p.t.Helper()
	gotFirst, got, err := p.next()
	if err != nil || gotFirst != first || got != payload {
		p.t.Fatalf("got %#x %.60q (%d bytes), %v; want %#x %.60q (%d bytes)", gotFirst, got, len(got), err, first, payload, len(payload))
	}
}

func (p *peer) wantClose(code uint16, reason string) {
	p.t.Helper()
	p.want(closes, string(closePayload(code, reason)))
}

// wantEOF checks that the socket is really closed: none leaks.
func (p *peer) wantEOF() {
	p.t.Helper()
	if _, err := p.in.ReadByte(); err == nil {
		p.t.Fatal("the connection is still open")
	}
}

// alive checks that another connection works as before.
func (p *peer) alive() {
	p.t.Helper()
	p.send(text, "still there?")
	p.want(text, "still there?")
}
