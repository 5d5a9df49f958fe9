package ws

import (
	"bufio"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"rollcall.dev/services/edge/transport"
)

// ServeHTTP upgrades a request to a connection, or says why not. It returns
// at once, so that net/http's buffers are freed; the connection lives on in a
// goroutine of its own that Stop waits for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := s.check(r); refusal != nil {
		refusal.Write(w)
		return
	}
	if !s.enter() {
		(&Refusal{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Text: "not open"}).Write(w)
		return
	}
	if !s.upgrade(w, r) {
		s.live.Done()
	}
}

// Write answers with it.
func (r *Refusal) Write(w http.ResponseWriter) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
	if r.Status == http.StatusUpgradeRequired {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Sec-WebSocket-Version", "13")
	}
	http.Error(w, r.Text, r.Status)
}

// upgrade reports whether a connection runs now.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) bool {
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		s.options.Logger.Error("connection can't be taken from the HTTP server", "err", err)
		(&Refusal{Status: http.StatusInternalServerError, Text: "no WebSocket here"}).Write(w)
		return false
	}
	c := &conn{srv: s, raw: early(raw, buffered)}
	c.in.begin(c.raw)
	upgrader, offers := s.plain, offered(r.Header)
	foreign := s.options.Envelope == nil && !common(offers)
	if len(offers) > 0 && !foreign {
		upgrader = s.offered
		r.Header.Set(protocolHeader, strings.Join(offers, ",")) // gws reads one line
	}
	socket, err := upgrader.Upgrade(hijacked{w, (*wire)(c)}, r)
	if err != nil {
		s.options.Logger.Debug("upgrade failed", "addr", raw.RemoteAddr().String(), "err", err)
		return false // gws has closed it
	}
	c.upgraded = true
	_ = raw.SetReadDeadline(time.Now().Add(s.options.ConnectTimeout))
	c.greet()
	if foreign {
		c.handler = deaf{}
	} else if c.handler = s.accept(r, c); c.handler == nil {
		c.refuse()
		return false
	}
	s.all.add(c, s.turns.Add(1))
	if foreign {
		c.rejectProtocol(offers)
	}
	if !s.isOpen() {
		c.Close(transport.CodeRestart, "server_shutdown", nil) // drain may have passed by
	}
	go c.run(socket)
	return true
}

// accept asks for the handler; a panic in there is a refusal.
func (s *Server) accept(r *http.Request, c *conn) (h transport.Handler) {
	defer func() {
		if p := recover(); p != nil {
			s.options.Logger.Error("panic on accepting a connection", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			h = nil
		}
	}()
	return s.options.Accept(r, c)
}

// refuse ends a connection that has no handler.
func (c *conn) refuse() {
	c.Close(transport.CodeInternal, "refused", nil)
	<-c.quiet
	_ = c.raw.Close()
}

// rejectProtocol ends a connection whose peer speaks something else. Other
// clients than browsers, which end it themselves, can read there why.
func (c *conn) rejectProtocol(offers []string) {
	var last []byte
	if c.srv.options.Unsupported != nil {
		last = c.srv.options.Unsupported(offers)
	}
	c.Close(transport.CodeProtocol, "protocol_error", last)
}

// deaf is the handler of a connection that is only closed.
type deaf struct{}

func (deaf) Data([]byte)           {}
func (deaf) Fault(transport.Fault) {}
func (deaf) Closed(transport.End)  {}

// hijacked gives gws a connection that was hijacked already.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h.conn, nil, nil }

// early puts bytes back that net/http has read beyond the request: those of a
// client that doesn't wait for the answer.
func early(raw net.Conn, buffered *bufio.ReadWriter) net.Conn {
	n := buffered.Reader.Buffered()
	if n == 0 {
		return raw
	}
	ahead, err := buffered.Reader.Peek(n)
	if err != nil {
		return raw // never: they are buffered
	}
	return &prefixed{Conn: raw, ahead: append([]byte(nil), ahead...)}
}

type prefixed struct {
	net.Conn
	ahead []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.ahead) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.ahead)
	if p.ahead = p.ahead[n:]; len(p.ahead) == 0 {
		p.ahead = nil
	}
	return n, nil
}

// CloseWrite ends the stream to the peer, if the connection can.
func (p *prefixed) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
