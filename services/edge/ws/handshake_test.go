package ws

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

func TestSubprotocols(t *testing.T) {
	tests := []struct {
		name, headers string
		chosen        string
	}{
		{"none offered", "", ""},
		{"empty", "Sec-WebSocket-Protocol: \r\n", ""},
		{"one", "Sec-WebSocket-Protocol: v10.stomp\r\n", "v10.stomp"},
		{"best of all", "Sec-WebSocket-Protocol: v10.stomp, v11.stomp, v12.stomp\r\n", "v12.stomp"},
		{"two header lines", "Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: v11.stomp\r\n", "v11.stomp"},
	}
	f := serve(t, Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := f.overTCP(tt.headers, "")
			got := p.response.Header.Get("Sec-WebSocket-Protocol")
			if p.response.StatusCode != 101 || got != tt.chosen {
				t.Fatalf("status %d, protocol %q", p.response.StatusCode, got)
			}
			p.alive()
		})
	}
}

// Who offers other subprotocols only gets a WebSocket without any, on which it
// is told what is wrong, whatever it sends meanwhile, and nobody is asked for
// a handler.
func TestNoCommonSubprotocol(t *testing.T) {
	for name, sent := range map[string]string{
		"waits":   "",
		"talks":   string(masked(text, strings.Repeat("SOAP", 5000))),
		"is rude": "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04",
		"closes":  string(masked(closes, string(closePayload(1000, "")))),
	} {
		t.Run(name, func(t *testing.T) {
			var offers []string
			f := serve(t, Options{Unsupported: func(offered []string) []byte { offers = offered; return []byte("ERROR") }})
			close(f.handlers) // Accept would panic; p.handler is nil
			p := f.overTCP("Sec-WebSocket-Protocol: soap, wamp\r\nSec-WebSocket-Protocol: mqtt\r\n", sent)
			if p.response.StatusCode != 101 || p.response.Header.Get("Sec-WebSocket-Protocol") != "" {
				t.Fatalf("%d %v", p.response.StatusCode, p.response.Header)
			}
			p.want(text, "ERROR")
			p.wantClose(1002, "protocol_error")
			p.send(closes, string(closePayload(1002, "")))
			p.wantEOF()
			if strings.Join(offers, " ") != "soap wamp mqtt" {
				t.Errorf("offers %q", offers)
			}
			p.Conn.Close()
			for f.Len() > 0 { // the test's limit is the limit
				runtime.Gosched()
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	tests := []struct {
		allowed []string
		origin  string
		ok      bool
	}{
		{nil, "", true},
		{nil, "http://edge.example.com", true},
		{nil, "https://EDGE.example.com", true},
		{nil, "https://edge.example.com:8443", false},
		{nil, "https://evil.example.com", false},
		{nil, "null", false},
		{nil, "://", false},
		{[]string{"*"}, "https://evil.test", true},
		{[]string{"https://chat.test"}, "https://chat.test", true},
		{[]string{"https://chat.test/"}, "https://Chat.test", true},
		{[]string{"https://chat.test"}, "http://chat.test", false},
		{[]string{"https://chat.test"}, "https://chat.test.evil.test", false},
		{[]string{"https://chat.test"}, "http://edge.example.com", false},
		{[]string{"https://other", "https://*.chat.test"}, "https://a.chat.test", true},
		{[]string{"https://*.chat.test"}, "https://a.b.chat.test", true},
		{[]string{"https://*.chat.test"}, "https://chat.test", false},
		{[]string{"https://*.chat.test"}, "https://evilchat.test", false},
		{[]string{"https://*.chat.test"}, "http://a.chat.test", false},
	}
	for _, tt := range tests {
		s := New(Options{AllowedOrigins: tt.allowed})
		r := upgradeRequest()
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if refusal := s.check(r); (refusal == nil) != tt.ok {
			t.Errorf("allowed %q, origin %q: refusal %+v", tt.allowed, tt.origin, refusal)
		} else if refusal != nil && (refusal.Status != 403 || !strings.Contains(refusal.Text, tt.origin)) {
			t.Errorf("refusal %+v", refusal)
		}
	}
}

func TestAllowedOriginsThatMatchNothing(t *testing.T) {
	for _, good := range []string{"*", "https://chat.test", "HTTP://Chat.test/", "http://localhost:8080", "https://[::1]:8443",
		"http://192.0.2.1", "https://*.chat.test", "https://*.chat.test:8443", "https://*.chat.test/", "https://xn--bcher-kva.test", "capacitor://localhost",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop"} {
		if err := CheckOrigin(good); err != nil {
			t.Errorf("%q: %v", good, err)
		} else if origin := strings.TrimSuffix(strings.Replace(good, "*", "x", 1), "/"); good != "*" && !matchOrigin(good, origin) {
			t.Errorf("%q doesn't match %q", good, origin)
		}
	}
	for bad, want := range map[string]string{
		"foo": "scheme://host", "": "scheme://host", "null": "scheme://host", "chat.test": "scheme://host", "chat.test:8080": "scheme://host",
		"*.chat.test": "scheme://host", "//chat.test": "scheme://host", "https://": "scheme://host", "https:chat.test": "scheme://host",
		"https://chat.test/app": "scheme://host", "https://chat.test?x": "scheme://host", "https://chat.test#x": "scheme://host",
		"https://me@chat.test": "scheme://host", " https://chat.test": "scheme://host", "https://chat.test ": "scheme://host",
		"https://chat.*.test": "scheme://host", "https://*": "scheme://host", "https://*.": "scheme://host", "https://*chat.test": "scheme://host",
		"https://a.test https://b.test": "scheme://host", "https://a.test;https://b.test": "scheme://host", "https://chat.test:port": "scheme://host",
		"https://bücher.test": "xn--", "https://chat.test:": "without the port", "https://chat.test:443": "without the port",
		"http://chat.test:80": "without the port", "wss://chat.test": "http or https", "https://chat.test:99999": "scheme://host",
	} {
		if err := CheckOrigin(bad); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", bad, err, want)
		}
	}
}

func upgradeRequest() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://edge.example.com/ws", nil)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-Websocket-Version": "13", "Sec-Websocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA=="} {
		r.Header.Set(name, value)
	}
	return r
}

func TestNotAnUpgrade(t *testing.T) {
	f := serve(t, Options{})
	tests := []struct {
		name   string
		spoil  func(r *http.Request)
		status int
		text   string
	}{
		{"plain GET", func(r *http.Request) { r.Header = http.Header{} }, 426, "WebSocket endpoint"},
		{"POST", func(r *http.Request) { r.Method = http.MethodPost }, 426, "WebSocket endpoint"},
		{"old version", func(r *http.Request) { r.Header.Set("Sec-Websocket-Version", "8") }, 426, "must be 13"},
		{"no key", func(r *http.Request) { r.Header.Del("Sec-Websocket-Key") }, 400, "Sec-WebSocket-Key"},
		{"short key", func(r *http.Request) { r.Header.Set("Sec-Websocket-Key", "YQ==") }, 400, "Sec-WebSocket-Key"},
		{"no socket below", func(*http.Request) {}, 500, "no WebSocket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, w := upgradeRequest(), httptest.NewRecorder()
			tt.spoil(r)
			f.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
				t.Errorf("%d %q", w.Code, w.Body)
			}
		})
	}
}

func TestAdmission(t *testing.T) {
	f := serve(t, Options{Admit: func(*http.Request) *Refusal {
		return &Refusal{Status: 503, RetryAfter: 1500 * time.Millisecond, Text: "outbox is full"}
	}})
	p := f.overTCP("", "")
	body, _ := io.ReadAll(p.response.Body)
	if p.response.StatusCode != 503 || p.response.Header.Get("Retry-After") != "2" || !strings.Contains(string(body), "outbox is full") {
		t.Errorf("%d %v %q", p.response.StatusCode, p.response.Header, body)
	}
}

func TestNoHandler(t *testing.T) {
	for name, accept := range map[string]func() transport.Handler{
		"nil":   func() transport.Handler { return nil },
		"panic": func() transport.Handler { panic("defect") },
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, Options{})
			f.options.Accept = func(*http.Request, transport.Conn) transport.Handler {
				f.handlers <- nil
				return accept()
			}
			p := f.overTCP("", "")
			p.wantClose(1011, "refused")
			p.wantEOF()
			if f.Len() != 0 {
				t.Error("registered without a handler")
			}
		})
	}
}

func TestClosedServerRefuses(t *testing.T) {
	s := New(Options{})
	w := httptest.NewRecorder()
	s.ServeHTTP(w, upgradeRequest())
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("before Start: %d %v", w.Code, w.Header())
	}
}
