package session_test

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
)

const (
	protocol = schema.ReasonProtocolError
	policy   = schema.ReasonPolicyViolation
	tooLarge = schema.ReasonTooLarge
)

// Bad input before CONNECT was accepted.
func TestBadInputBeforeConnect(t *testing.T) {
	tests := []struct {
		name, in string
		reason   schema.Reason
		detail   string
	}{
		{"not STOMP", "GET /ws HTTP/1.1\r\n", protocol, "unknown command"},
		{"binary", "\x16\x03\x01\x02\x00\x01\xfc", protocol, "NUL byte"},
		{"JSON", `{"type":"hello"}`, protocol, "unknown command"},
		{"unknown command", "HELLO\n\n^", protocol, `unknown command "HELLO"`},
		{"SUBSCRIBE before CONNECT", "SUBSCRIBE\nid:1\ndestination:/topic/a\n\n^", protocol, "must be CONNECT, not SUBSCRIBE"},
		{"DISCONNECT before CONNECT", "DISCONNECT\nreceipt:1\n\n^", protocol, "must be CONNECT"},
		{"no common version", "CONNECT\naccept-version:1.3,2.0\nlogin:a\n\n^", protocol, "supported are 1.0,1.1,1.2"},
		{"missing login", "CONNECT\naccept-version:1.2\n\n^", policy, "needs a header login"},
		{"empty login", "CONNECT\naccept-version:1.2\nlogin:\n\n^", policy, "user id is empty"},
		{"long login", "CONNECT\naccept-version:1.2\nlogin:" + strings.Repeat("x", 129) + "\n\n^", policy, "at most 128"},
		{"login with a control character", "CONNECT\naccept-version:1.2\nlogin:a\x07b\n\n^", policy, "control characters"},
		{"login not UTF-8", "CONNECT\naccept-version:1.2\nlogin:a\xff\n\n^", policy, "not UTF-8"},
		{"heart-beat", "CONNECT\naccept-version:1.2\nlogin:a\nheart-beat:x\n\n^", protocol, "heart-beat"},
		{"heart-beat negative", "CONNECT\naccept-version:1.2\nlogin:a\nheart-beat:-1,0\n\n^", protocol, "heart-beat"},
		{"meta not UTF-8", "CONNECT\naccept-version:1.2\nlogin:a\nmeta-a:\xff\n\n^", protocol, "not UTF-8"},
		{"too much meta", "CONNECT\naccept-version:1.2\nlogin:a\n" + metaOf(5, 1000) + "\n^", policy, "more than 4096 bytes"},
		{"body in CONNECT", "CONNECT\nlogin:a\n\nx^", protocol, "must not have a body"},
		{"over-long frame", "CONNECT\nlogin:a\n" + strings.Repeat("a:"+strings.Repeat("x", 1000)+"\n", 33), tooLarge, "more than 32 headers"},
		{"over-long header", "CONNECT\nlogin:" + strings.Repeat("x", 1025), tooLarge, "longer than 1024"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, config())
			checkFail(t, c.s, c.feed(tt.in), tt.reason, tt.detail)
		})
	}
}

func metaOf(n, size int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("meta-" + string(rune('a'+i)) + ":" + strings.Repeat("x", size) + "\n")
	}
	return b.String()
}

// Bad input of a live session.
func TestBadInputWhenLive(t *testing.T) {
	tests := []struct {
		name, version, in string
		reason            schema.Reason
		detail            string
	}{
		{"unknown command", "1.2", "JOIN\n\n^", protocol, `unknown command "JOIN"`},
		{"CONNECT twice", "1.2", "CONNECT\nlogin:bob\n\n^", protocol, "CONNECT came twice"},
		{"server's command", "1.2", "MESSAGE\n\n^", protocol, "MESSAGE is sent by servers only"},
		{"undefined escape", "1.2", "SEND\ndestination:/topic/a\nx:\\t\n\n^", protocol, "undefined escape"},
		{"missing destination", "1.2", "SUBSCRIBE\nid:1\n\n^", protocol, "SUBSCRIBE needs a header destination"},
		{"missing id", "1.1", "SUBSCRIBE\ndestination:/topic/a\n\n^", protocol, "SUBSCRIBE needs a header id"},
		{"empty id", "1.0", "SUBSCRIBE\nid:\ndestination:/topic/a\n\n^", protocol, "needs a header id"},
		{"long id", "1.2", "SUBSCRIBE\nid:" + strings.Repeat("x", 257) + "\ndestination:/topic/a\n\n^", policy, "id of SUBSCRIBE has 257 bytes, at most 256"},
		{"id with a control character", "1.2", "SUBSCRIBE\nid:a\x01b\ndestination:/topic/a\n\n^", policy, "id of SUBSCRIBE has control characters"},
		{"id with a newline", "1.2", "SUBSCRIBE\nid:a\\nb\ndestination:/topic/a\n\n^", policy, "id of SUBSCRIBE has control characters"},
		{"long destination", "1.2", "SUBSCRIBE\nid:1\ndestination:/presence/" + strings.Repeat("%41", 168) + "\n\n^", policy, "destination of SUBSCRIBE has 514 bytes, at most 512"},
		{"long destination as id", "1.0", "SUBSCRIBE\ndestination:/presence/" + strings.Repeat("%41", 168) + "\n\n^", policy, "at most 512"},
		{"id not UTF-8", "1.2", "SUBSCRIBE\nid:\xff\ndestination:/topic/a\n\n^", protocol, "id of SUBSCRIBE is not UTF-8"},
		{"duplicate id", "1.2", "SUBSCRIBE\nid:0\ndestination:/topic/b\n\n^", protocol, `subscription "0" already`},
		{"ack client", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/a\nack:client\n\n^", protocol, `"client" is not supported`},
		{"ack client-individual", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/a\nack:client-individual\n\n^", protocol, "not supported"},
		{"illegal channel", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/a b\n\n^", policy, `"/topic/a b"`},
		{"empty channel", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/\n\n^", policy, "channel name is empty"},
		{"long channel", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/" + strings.Repeat("x", 129) + "\n\n^", policy, "at most 128"},
		{"nested channel", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/a/b\n\n^", policy, "only A-Z"},
		{"personal channel as topic", "1.2", "SUBSCRIBE\nid:1\ndestination:/topic/@alice\n\n^", policy, "only A-Z"},
		{"personal channel as watch", "1.2", "SUBSCRIBE\nid:1\ndestination:/watch/@alice\n\n^", policy, "only A-Z"},
		{"SEND to a personal channel", "1.2", "SEND\ndestination:/topic/@alice\n\nhi^", policy, "only A-Z"},
		{"presence of nobody", "1.2", "SUBSCRIBE\nid:1\ndestination:/presence/\n\n^", policy, "user id is empty"},
		{"presence, bad encoding", "1.2", "SUBSCRIBE\nid:1\ndestination:/presence/%zz\n\n^", policy, "%zz"},
		{"presence, encoded control", "1.2", "SUBSCRIBE\nid:1\ndestination:/presence/a%00\n\n^", policy, "control characters"},
		{"presence, path", "1.2", "SUBSCRIBE\nid:1\ndestination:/presence/a/b\n\n^", policy, "%2F"},
		{"unknown destination", "1.2", "SUBSCRIBE\nid:1\ndestination:/queue/a\n\n^", policy, `"/queue/a" is unknown`},
		{"SEND elsewhere", "1.2", "SEND\ndestination:/watch/a\n\nhi^", policy, "messages are sent to /topic/"},
		{"meta that is no JSON", "1.2", "SEND\ndestination:/app/session/meta\n\nhi^", protocol, "takes one JSON object"},
		{"two metas", "1.2", "SEND\ndestination:/app/session/meta\n\n{}{}^", protocol, "takes one JSON object"},
		{"meta with a number", "1.2", "SEND\ndestination:/app/session/meta\n\n{\"meta\":{\"a\":1}}^", protocol, "an object of strings"},
		{"meta with a field unknown", "1.2", "SEND\ndestination:/app/session/meta\n\n{\"mood\":\"x\"}^", protocol, "takes one JSON object"},
		{"meta of bytes", "1.2", "SEND\ndestination:/app/session/meta\n\n{\"status\":\"\xff\"}^", protocol, "not UTF-8"},
		{"meta too large", "1.2", "SEND\ndestination:/app/session/meta\n\n{\"meta\":{\"a\":\"" + strings.Repeat("x", 4096) + "\"}}^", policy, "more than 4096 bytes"},
		{"status too large", "1.2", "SEND\ndestination:/app/session/meta\n\n{\"status\":\"" + strings.Repeat("x", 257) + "\"}^", policy, "status has 257 bytes, at most 256"},
		{"meta in a transaction", "1.2", "SEND\ndestination:/app/session/meta\ntransaction:t\n\n{}^", protocol, "not supported"},
		{"SEND without destination", "1.2", "SEND\n\nhi^", protocol, "SEND needs a header destination"},
		{"SEND of bytes", "1.2", "SEND\ndestination:/topic/a\n\n\xff\xfe^", protocol, "not UTF-8"},
		{"SEND in a transaction", "1.2", "SEND\ndestination:/topic/a\ntransaction:t\n\nhi^", protocol, "not supported"},
		{"BEGIN", "1.2", "BEGIN\ntransaction:t\n\n^", protocol, "BEGIN is not supported"},
		{"COMMIT", "1.2", "COMMIT\ntransaction:t\n\n^", protocol, "COMMIT is not supported"},
		{"ABORT", "1.2", "ABORT\ntransaction:t\n\n^", protocol, "ABORT is not supported"},
		{"NACK", "1.2", "NACK\nid:1\n\n^", protocol, "NACK is not supported"},
		{"NACK in 1.0", "1.0", "NACK\nmessage-id:1\n\n^", protocol, "no command of STOMP 1.0"},
		{"ACK without id", "1.2", "ACK\n\n^", protocol, "ACK needs a header id"},
		{"ACK without subscription", "1.1", "ACK\nmessage-id:1\n\n^", protocol, "ACK needs a header subscription"},
		{"ACK in a transaction", "1.2", "ACK\nid:1\ntransaction:t\n\n^", protocol, "not supported"},
		{"UNSUBSCRIBE without id", "1.2", "UNSUBSCRIBE\n\n^", protocol, "UNSUBSCRIBE needs a header id"},
		{"over-long frame", "1.2", "SEND\ndestination:/topic/a\n\n" + strings.Repeat("x", 64<<10), tooLarge, "65536 bytes"},
		{"announced over-long frame", "1.2", "SEND\ndestination:/topic/a\ncontent-length:65536\n\n", tooLarge, "65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, config()).live(tt.version)
			c.feed("SUBSCRIBE\nid:0\ndestination:/topic/zero\n\n^")
			checkFail(t, c.s, c.feed(tt.in), tt.reason, tt.detail)
		})
	}
}

// checkFail wants exactly one Fail, with the table's code and hint, whose
// frame is an ERROR that a client can read; after it the session is deaf.
func checkFail(t *testing.T, s *session.Session, acts []session.Action, reason schema.Reason, detail string) {
	t.Helper()
	if len(acts) != 1 {
		t.Fatalf("got %s, want one Fail", show(acts))
	}
	fail, ok := acts[0].(session.Fail)
	if !ok {
		t.Fatalf("got %s, want a Fail", show(acts))
	}
	end := session.EndingOf(reason)
	if fail.Reason != reason || fail.Code != end.Code || fail.Retry != end.Retry || !strings.Contains(fail.Detail, detail) {
		t.Errorf("got %s\nwant %s %d %s …%s…", show(acts), reason, end.Code, end.Retry, detail)
	}
	f := readFrame(t, s.Version(), fail.Frame)
	if f.Command != stomp.Error || f.Text("message") != string(reason) || f.Text("retry") != string(end.Retry) ||
		string(f.Body) != fail.Detail || f.Text("content-type") != "text/plain" {
		t.Errorf("ERROR frame is %q", fail.Frame)
	}
	if s.State() != session.Closing || len(s.Subscriptions()) != 0 {
		t.Errorf("state %d with %d subscriptions after Fail", s.State(), len(s.Subscriptions()))
	}
	if more := s.Feed(nil, []byte("SEND\ndestination:/topic/a\n\nx\x00")); len(more) != 0 {
		t.Errorf("after Fail: %s", show(more))
	}
	if more := s.Fail(nil, schema.ReasonKicked, "", ""); len(more) != 0 {
		t.Errorf("second Fail: %s", show(more))
	}
}

func readFrame(t *testing.T, v stomp.Version, data []byte) *stomp.Frame {
	t.Helper()
	limits := stomp.DefaultLimits()
	p := stomp.NewParser(&limits)
	p.SetVersion(v)
	p.Push(append([]byte(nil), data...))
	f := new(stomp.Frame)
	if ok, err := p.Next(f); !ok || err != nil {
		t.Fatalf("%q is no frame: %v", data, err)
	}
	return f
}

func TestErrorNamesTheCulpritsReceipt(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	acts := c.feed("SUBSCRIBE\nid:1\ndestination:/nowhere\nreceipt:r\\c7\n\n^")
	if f := readFrame(t, stomp.V12, acts[0].(session.Fail).Frame); f.Text("receipt-id") != "r:7" {
		t.Errorf("got %s", show(acts))
	}
}

func TestErrorOfNegotiationListsVersions(t *testing.T) {
	c := newClient(t, config())
	acts := c.feed("CONNECT\naccept-version:9\nlogin:a\n\n^")
	if f := readFrame(t, stomp.V10, acts[0].(session.Fail).Frame); f.Text("version") != "1.0,1.1,1.2" {
		t.Errorf("got %s", show(acts))
	}
}
