package sockjs

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
	"rollcall.dev/services/edge/transport"
)

func TestStartStop(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service { return New(Options{}) })
}

func (f *front) ask(t *testing.T, method, path string, header http.Header) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, f.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(q.Header, header)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func TestPaths(t *testing.T) {
	f, _ := echoing(t, nil)
	long := strings.Repeat("x", maxID+1)
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 200}, {"GET", "/info", 200}, {"OPTIONS", "/info", 204}, {"POST", "/info", 405}, {"GET", "/0/s/xhr", 405}, {"OPTIONS", "/0/s/xhr", 204},
		{"POST", "/0/s/xhr_send", 404}, {"POST", "/0//xhr", 404}, {"POST", "/a.b/s/xhr", 404}, {"POST", "/0/" + long + "/xhr", 404}, {"POST", "/0/s/jsonp", 404},
		{"GET", "/iframe.html", 404}, {"GET", "/0/s/websocket", 426}, {"POST", "/0/s/xhr/more", 404},
	} {
		if res := f.ask(t, tc.method, tc.path, nil); res.StatusCode != tc.status {
			t.Errorf("%s %.40s: %d, want %d", tc.method, tc.path, res.StatusCode, tc.status)
		}
	}
	if f.Len() != 0 {
		t.Errorf("%d sessions of requests that begin none", f.Len())
	}
}

// Pages of other hosts get nothing, whatever they ask for.
func TestOrigins(t *testing.T) {
	f, _ := echoing(t, func(o *Options) { o.AllowedOrigins = []string{"https://chat.test"} })
	for _, path := range []string{"GET /info", "OPTIONS /info", "POST /0/s/xhr", "POST /0/s/xhr_streaming", "GET /0/s/eventsource", "POST /0/s/xhr_send", "OPTIONS /0/s/xhr_send"} {
		method, path, _ := strings.Cut(path, " ")
		for _, origin := range []string{"https://evil.test", "null"} {
			res := f.ask(t, method, path, http.Header{"Origin": {origin}})
			if res.StatusCode != http.StatusForbidden || res.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s for %s: %d %v", method, path, origin, res.StatusCode, res.Header)
			}
		}
	}
	res := f.ask(t, "GET", "/info", http.Header{"Origin": {"https://chat.test"}})
	if h := res.Header; res.StatusCode != 200 || h.Get("Access-Control-Allow-Origin") != "https://chat.test" || h.Get("Access-Control-Allow-Credentials") != "true" || h.Get("Vary") != "Origin" {
		t.Errorf("an allowed page: %d %v", res.StatusCode, h)
	}
	if f.Len() != 0 {
		t.Errorf("%d sessions", f.Len())
	}
}

func TestTooManySessions(t *testing.T) {
	f, _ := echoing(t, func(o *Options) { o.MaxSessions = 2 })
	first := dialHTTP(t, f.url, "xhr_streaming")
	dialHTTP(t, f.url, "eventsource")
	res := f.ask(t, "POST", "/0/one-more/xhr", nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if err := first.Send("there"); err != nil {
		t.Fatal(err)
	}
	if m, _ := first.Receive(); m != "THERE" {
		t.Errorf("a session that was there got %q", m)
	}
}

// A second receiving request of a session is told so, and the first goes on.
func TestTwoReceivers(t *testing.T) {
	f, _ := echoing(t, nil)
	first := dialHTTP(t, f.url, "xhr_streaming")
	second := newReader(t, f.url, "xhr")
	second.url = first.url
	if _, end := second.Receive(); end == nil || end.Code != codeTwice {
		t.Errorf("the second: %+v", end)
	}
	_ = first.Send("on")
	if m, _ := first.Receive(); m != "ON" {
		t.Errorf("the first got %q", m)
	}
}

// What isn't what the protocol wants is refused, and the session lives.
func TestBadBodies(t *testing.T) {
	f, _ := echoing(t, nil)
	c := dialHTTP(t, f.url, "xhr_streaming")
	for body, answer := range map[string]string{"": "Payload expected.", `["x`: "Broken JSON encoding.", `{"a":1}`: "Broken JSON encoding.", "[\"\xff\"]": "Broken JSON encoding."} {
		if status, text := c.post(body); status != http.StatusInternalServerError || text != answer {
			t.Errorf("%q: %d %s", body, status, text)
		}
	}
	if status, _ := c.post(`["several"," in one"]`); status != http.StatusNoContent {
		t.Errorf("a good one: %d", status)
	}
	for _, want := range []string{"SEVERAL", " IN ONE"} {
		if m, _ := c.Receive(); m != want {
			t.Errorf("got %q", m)
		}
	}
}

func TestBrokenJSONOverWebSocketIsAViolation(t *testing.T) {
	f, ends := echoing(t, nil)
	c := dialSocket(t, f.url)
	if err := c.ws.Write(c.ctx, 1, []byte(`["a`)); err != nil {
		t.Fatal(err)
	}
	if _, end := c.Receive(); end == nil || end.Code != transport.CodeProtocol {
		t.Errorf("end %+v", end)
	}
	if e := <-ends; e.Cause != transport.Violation {
		t.Errorf("end %+v", e)
	}
}

// A body over the limit ends the session, which can't know what it missed.
func TestBodyLimit(t *testing.T) {
	f, ends := echoing(t, func(o *Options) { o.BodyLimit = 1000 })
	c := dialHTTP(t, f.url, "xhr_streaming")
	if status, text := c.post("[" + strings.Repeat(`"m",`, 500) + `"m"]`); status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", status, text)
	}
	if e := <-ends; e.Cause != transport.TooLarge || e.Code != transport.CodeTooLarge {
		t.Errorf("end %+v", e)
	}
}

// A body that breaks off leaves a gap: the session is lost, others aren't.
func TestBodyThatBreaksOff(t *testing.T) {
	f, ends := echoing(t, nil)
	c := dialHTTP(t, f.url, "xhr_streaming")
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(c.url, f.url)
	fmt.Fprintf(conn, "POST %s/xhr_send HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[\"ha", path)
	conn.Close()
	if e := <-ends; e.Cause != transport.Lost {
		t.Errorf("end %+v", e)
	}
}

// A streaming response ends when it has grown, and the next goes on.
func TestResponseLimit(t *testing.T) {
	f, _ := echoing(t, func(o *Options) { o.ResponseLimit = 4000 })
	c := dialHTTP(t, f.url, "xhr_streaming")
	first := c.body
	for i := range 20 {
		m := strings.Repeat("M", 400) + fmt.Sprint(i)
		if err := c.Send(m); err != nil {
			t.Fatal(err)
		}
		if got, end := c.Receive(); got != m {
			t.Fatalf("message %d: %q, %v", i, got, end)
		}
	}
	if c.body == first {
		t.Error("the response did not end")
	}
}

// A session whose client reads nothing is ended by the deadline of a write.
func TestClientThatNeverReads(t *testing.T) {
	f, ends := echoing(t, func(o *Options) {
		o.WriteTimeout = 200 * time.Millisecond
		o.QueueBytes, o.ResponseLimit = 8<<20, 1<<30
	})
	c := dialHTTP(t, f.url, "xhr_streaming")
	big := strings.Repeat("b", 60_000)
	for range 400 {
		if c.Send(big) != nil {
			break
		}
	}
	if e := <-ends; e.Cause != transport.Slow || e.Code != transport.CodeSlowConsumer {
		t.Errorf("end %+v", e)
	}
}

// Asking again is the sign of life: without one the client is lost in time,
// though its connection stays open.
func TestClientThatDoesNotAskAgain(t *testing.T) {
	f, ends := echoing(t, func(o *Options) { o.PingInterval = 100 * time.Millisecond; o.DisconnectDelay = 100 * time.Millisecond })
	dialHTTP(t, f.url, "xhr_streaming")
	began := time.Now()
	if e := <-ends; e.Cause != transport.Lost || e.Code != transport.CodeAbnormal {
		t.Errorf("end %+v", e)
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("lost after %v", took)
	}
}

// A standstill of our own is nobody's fault.
func TestStandstill(t *testing.T) {
	s := New(Options{})
	c := s.newConn("0/s", "x", "x")
	c.keepAlive = true
	due, _ := c.due()
	c.expire(due.Add(standstillAfter+time.Second), due)
	if c.phase != open {
		t.Error("lost for a standstill")
	}
	due, _ = c.due()
	c.expire(due.Add(time.Millisecond), due)
	if c.phase != closed || c.cause != transport.Lost {
		t.Errorf("phase %d, cause %v in ordinary time", c.phase, c.cause)
	}
}

// blocking is a handler that takes its time.
type blocking struct {
	deaf
	goOn chan struct{}
}

func (b blocking) Data([]byte) { <-b.goOn }

// A message that waits for its turn when the session ends is dropped: its
// request doesn't wait for ever.
func TestAMessageThatWaitsWhenTheSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		c := s.newConn("0/s", "x", "x")
		h := blocking{goOn: make(chan struct{})}
		c.handler = h
		<-c.reading
		go c.take([]byte("a"))
		synctest.Wait()
		s.live.Add(1)
		c.cutOff()
		go c.run()
		synctest.Wait() // it waits for the end of the first message
		go c.take([]byte("b"))
		synctest.Wait()
		close(h.goOn)
		synctest.Wait()
		s.live.Wait()
		if n := c.Stats().MessagesIn; n != 2 {
			t.Errorf("%d messages came to an end", n)
		}
	})
}
