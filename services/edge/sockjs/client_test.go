package sockjs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/transport/transporttest"
	"rollcall.dev/services/edge/ws"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// front is a started server behind an http.Server like the edge's.
type front struct {
	*Server
	url string
}

func serve(t *testing.T, o Options) *front {
	t.Helper()
	s := New(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 5*time.Second, 5*time.Second
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Stop(ctx)
	})
	return &front{s, server.URL}
}

// reader is a client of one way to receive.
type reader struct {
	t       *testing.T
	ctx     context.Context
	cancel  context.CancelFunc
	http    *http.Client
	url     string // of the session
	path    string
	method  string
	sse     bool
	body    io.ReadCloser
	lines   *bufio.Reader
	pending []string
	end     *transporttest.End
	hushes  int // heart-beat frames
}

var sessions atomic.Int64

// dialHTTP begins a session and reads its open frame.
func dialHTTP(t *testing.T, base, path string) *reader {
	t.Helper()
	r := newReader(t, base, path)
	if frame := r.frame(); frame != "o" {
		t.Fatalf("the first frame is %.60q", frame)
	}
	return r
}

func newReader(t *testing.T, base, path string) *reader {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	r := &reader{t: t, ctx: ctx, cancel: cancel, http: &http.Client{Transport: &http.Transport{}}, path: path,
		url: fmt.Sprintf("%s/000/s%d", base, sessions.Add(1)), method: http.MethodPost}
	if path == "eventsource" {
		r.method, r.sse = http.MethodGet, true
	}
	t.Cleanup(r.http.CloseIdleConnections)
	return r
}

func (r *reader) do(method, path string, body io.Reader) (*http.Response, error) {
	q, err := http.NewRequestWithContext(r.ctx, method, r.url+"/"+path, body)
	if err != nil {
		return nil, err
	}
	return r.http.Do(q)
}

// frame returns the next frame, "" if there is none to be had any more.
func (r *reader) frame() string {
	for range 1000 {
		if r.body == nil {
			res, err := r.do(r.method, r.path, nil)
			if err != nil {
				return ""
			}
			if res.StatusCode != http.StatusOK {
				res.Body.Close()
				return ""
			}
			r.body, r.lines = res.Body, bufio.NewReader(res.Body)
		}
		line, err := r.lines.ReadString('\n')
		if err != nil {
			r.body.Close()
			r.body = nil
			if err != io.EOF {
				return ""
			}
			continue
		}
		line = strings.TrimRight(line, "\r\n")
		if r.sse {
			data, ok := strings.CutPrefix(line, "data: ")
			if !ok {
				continue
			}
			if line, err = url.PathUnescape(data); err != nil { // decodeURI
				r.t.Errorf("%.60q: %v", data, err)
			}
		}
		if line == "" || strings.HasPrefix(line, "hh") {
			continue
		}
		return line
	}
	r.t.Error("a thousand answers without a frame")
	return ""
}

// Receive implements transporttest.Client.
func (r *reader) Receive() (string, *transporttest.End) {
	for {
		if m, end, ok := r.buffered(); ok {
			return m, end
		}
		r.open(r.frame())
	}
}

func (r *reader) buffered() (string, *transporttest.End, bool) {
	if len(r.pending) > 0 {
		m := r.pending[0]
		r.pending = r.pending[1:]
		return m, nil, true
	}
	return "", r.end, r.end != nil
}

// open takes a frame apart.
func (r *reader) open(frame string) {
	switch {
	case frame == "":
		r.end = &transporttest.End{}
	case frame == "h":
		r.hushes++
	case frame[0] == 'a':
		if err := json.Unmarshal([]byte(frame[1:]), &r.pending); err != nil {
			r.t.Errorf("%.60q: %v", frame, err)
		}
	case frame[0] == 'c':
		r.end = new(transporttest.End)
		if err := json.Unmarshal([]byte(frame[1:]), &[]any{&r.end.Code, &r.end.Reason}); err != nil {
			r.t.Errorf("%.60q: %v", frame, err)
		}
	default:
		r.t.Errorf("frame %.60q", frame)
	}
}

// Send implements transporttest.Client.
func (r *reader) Send(message string) error {
	body, _ := json.Marshal([]string{message})
	status, answer := r.post(string(body))
	if status != http.StatusNoContent {
		return fmt.Errorf("xhr_send: %d %s", status, answer)
	}
	return nil
}

func (r *reader) post(body string) (status int, answer string) {
	res, err := r.do(http.MethodPost, "xhr_send", strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, strings.TrimSpace(string(text))
}

// Vanish implements transporttest.Client.
func (r *reader) Vanish() { r.cancel() }

// socket is a client of the websocket transport.
type socket struct {
	reader
	ws *websocket.Conn
}

func dialSocket(t *testing.T, base string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, fmt.Sprintf("%s/000/s%d/websocket", base, sessions.Add(1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(-1)
	s := &socket{reader{t: t, ctx: ctx}, c}
	if frame := s.frame(); frame != "o" {
		t.Fatalf("the first frame is %.60q", frame)
	}
	return s
}

func (s *socket) frame() string {
	_, p, err := s.ws.Read(s.ctx)
	if err != nil {
		return ""
	}
	return string(p)
}

func (s *socket) Receive() (string, *transporttest.End) {
	for {
		if m, end, ok := s.buffered(); ok {
			if end != nil {
				_ = s.ws.Close(websocket.StatusNormalClosure, "") // as the stock client does
			}
			return m, end
		}
		s.open(s.frame())
	}
}

func (s *socket) Send(message string) error {
	body, _ := json.Marshal([]string{message})
	return s.ws.Write(s.ctx, websocket.MessageText, body)
}

func (s *socket) Vanish() { _ = s.ws.CloseNow() }

// echoing is a server whose handlers send back what they get; it tells their ends.
func echoing(t *testing.T, change func(*Options)) (*front, <-chan transport.End) {
	t.Helper()
	ends := make(chan transport.End, 100)
	o := Options{Options: ws.Options{PingInterval: time.Hour, StopTimeout: 300 * time.Millisecond, Accept: func(_ *http.Request, c transport.Conn) transport.Handler {
		c.KeepAlive(false)
		return &echo{c, ends}
	}}}
	if change != nil {
		change(&o)
	}
	return serve(t, o), ends
}

type echo struct {
	conn transport.Conn
	ends chan transport.End
}

func (e *echo) Data(p []byte)            { _ = e.conn.Send(bytes.ToUpper(p)) }
func (e *echo) Fault(transport.Fault)    {}
func (e *echo) Closed(end transport.End) { e.ends <- end }
