package stomp_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rollcall.dev/services/edge/stomp"
)

// parse reads all frames of a stream that arrives in these pieces and
// describes them, one line each, and the error.
func parse(limits stomp.Limits, v stomp.Version, pieces ...string) (frames []string, err error) {
	p := stomp.NewParser(&limits)
	p.SetVersion(v)
	var f stomp.Frame
	for _, piece := range pieces {
		data := []byte(piece)
		p.Push(data)
		for {
			ok, err := p.Next(&f)
			if err != nil {
				return frames, err
			}
			if !ok {
				break
			}
			frames = append(frames, describe(&f))
		}
		for i := range data { // the caller's bytes are its own again
			data[i] = 'X'
		}
	}
	return frames, nil
}

func describe(f *stomp.Frame) string {
	var b strings.Builder
	b.WriteString(f.Command.String())
	for _, h := range f.Headers {
		fmt.Fprintf(&b, " %q=%q", h.Name, h.Value)
	}
	fmt.Fprintf(&b, " %q", f.Body)
	return b.String()
}

func TestParse(t *testing.T) {
	tests := []struct {
		name    string
		version stomp.Version
		in      []string
		want    []string
	}{
		{"connect is not unescaped", stomp.V12, []string{"CONNECT\nlogin:a\\nb\\x\naccept-version:1.2\n\n\x00"},
			[]string{`CONNECT "login"="a\\nb\\x" "accept-version"="1.2" ""`}},
		{"STOMP is a CONNECT", stomp.V10, []string{"STOMP\n\n\x00"}, []string{`STOMP ""`}},
		{"connected is not unescaped", stomp.V12, []string{"CONNECTED\nserver:a\\c\n\n\x00"}, []string{`CONNECTED "server"="a\\c" ""`}},
		{"old connect is trimmed", stomp.V10, []string{"CONNECT\nlogin: <alice>\n\n\x00"}, []string{`CONNECT "login"="<alice>" ""`}},
		{"modern connect is not", stomp.V10, []string{"CONNECT\naccept-version:1.2\nlogin: alice \n\n\x00"},
			[]string{`CONNECT "accept-version"="1.2" "login"=" alice " ""`}},
		{"1.0 trims and has no escapes", stomp.V10, []string{"SEND\ndestination: /topic/a\\cb \n\nhi\x00"},
			[]string{`SEND "destination"="/topic/a\\cb" "hi"`}},
		{"1.0 trims content-length", stomp.V10, []string{"SEND\ncontent-length: 3\n\na\x00b\x00"},
			[]string{`SEND "content-length"="3" "a\x00b"`}},
		{"1.1 escapes", stomp.V11, []string{"SEND\na\\cb:c\\nd\\\\e\n\n\x00"}, []string{`SEND "a:b"="c\nd\\e" ""`}},
		{"1.2 escapes", stomp.V12, []string{"SEND\na:\\r\\n\\c\\\\\n\n\x00"}, []string{`SEND "a"="\r\n:\\" ""`}},
		{"1.2 keeps blanks", stomp.V12, []string{"SEND\na: b \n\n\x00"}, []string{`SEND "a"=" b " ""`}},
		{"first colon splits", stomp.V12, []string{"SEND\na:b:c\n\n\x00"}, []string{`SEND "a"="b:c" ""`}},
		{"empty value", stomp.V12, []string{"SEND\na:\n\n\x00"}, []string{`SEND "a"="" ""`}},
		{"CRLF", stomp.V12, []string{"SEND\r\na:b\r\n\r\nx\r\n\x00"}, []string{`SEND "a"="b" "x\r\n"`}},
		{"repeated headers are all kept", stomp.V12, []string{"SEND\na:1\na:2\n\n\x00"}, []string{`SEND "a"="1" "a"="2" ""`}},
		{"first content-length counts", stomp.V12, []string{"SEND\ncontent-length:1\ncontent-length:9\n\nx\x00"},
			[]string{`SEND "content-length"="1" "content-length"="9" "x"`}},
		{"content-length zero where no body may be", stomp.V12, []string{"DISCONNECT\ncontent-length:0\n\n\x00"},
			[]string{`DISCONNECT "content-length"="0" ""`}},
		{"heart-beats between", stomp.V12, []string{"\n\r\n\nSEND\n\na\x00\n\n\r\nSEND\n\nb\x00\n"}, []string{`SEND "a"`, `SEND "b"`}},
		{"heart-beat cut in two", stomp.V12, []string{"\r", "\nSEND\n\na\x00"}, []string{`SEND "a"`}},
		{"only heart-beats", stomp.V12, []string{"\n", "\n", "\r\n"}, nil},
		{"frame over three messages", stomp.V12, []string{"SE", "ND\na:\\", "cb\n\nbo", "dy\x00"}, []string{`SEND "a"=":b" "body"`}},
		{"body with NUL over messages", stomp.V12, []string{"SEND\ncontent-length:3\n\n\x00", "\x00\x00", "\x00SEND\n\n\x00"},
			[]string{`SEND "content-length"="3" "\x00\x00\x00"`, `SEND ""`}},
		{"half a frame is no frame", stomp.V12, []string{"SEND\n\nbody"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(stomp.DefaultLimits(), tt.version, tt.in...)
			if err != nil {
				t.Fatalf("unexpected error: %v", err)
			}
			if strings.Join(got, "\n") != strings.Join(tt.want, "\n") {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	small := stomp.Limits{Frame: 64, Headers: 2, HeaderLine: 16}
	tests := []struct {
		name    string
		version stomp.Version
		in      string
		kind    stomp.Kind
		detail  string
	}{
		{"unknown command", stomp.V12, "HELLO\n\n\x00", stomp.Malformed, `unknown command "HELLO"`},
		{"lower case", stomp.V12, "send\n", stomp.Malformed, `unknown command "send"`},
		{"not STOMP", stomp.V12, "GET / HTTP/1.1", stomp.Malformed, `unknown command "GET / HTTP/1"`},
		{"binary", stomp.V12, "\x16\x03\x01\x02\x00\x01", stomp.Malformed, "NUL byte"},
		{"CR alone", stomp.V12, "\rSEND\n", stomp.Malformed, "unknown command"},
		{"NUL for the blank line", stomp.V12, "SEND\na:b\n\x00", stomp.Malformed, "NUL byte"},
		{"NUL in a header", stomp.V12, "SEND\na:\x00b\n\n\x00", stomp.Malformed, "NUL byte"},
		{"no colon", stomp.V12, "SEND\nabc\n\n\x00", stomp.Malformed, "no colon"},
		{"no name", stomp.V12, "SEND\n:abc\n\n\x00", stomp.Malformed, "no name"},
		{"blank name in 1.0", stomp.V10, "SEND\n :abc\n\n\x00", stomp.Malformed, "no name"},
		{"undefined escape", stomp.V12, "SEND\na:\\t\n\n\x00", stomp.Malformed, `undefined escape "\\t"`},
		{"undefined escape in a name", stomp.V11, "SEND\na\\0:\n\n\x00", stomp.Malformed, "undefined escape"},
		{"no CR escape in 1.1", stomp.V11, "SEND\na:\\r\n\n\x00", stomp.Malformed, "undefined escape"},
		{"backslash at the end", stomp.V12, "SEND\na:b\\\n\n\x00", stomp.Malformed, "lone backslash"},
		{"content-length not a number", stomp.V12, "SEND\ncontent-length:x\n\n", stomp.Malformed, "not a number"},
		{"content-length negative", stomp.V12, "SEND\ncontent-length:-1\n\n", stomp.Malformed, "not a number"},
		{"content-length with a blank", stomp.V12, "SEND\ncontent-length: 1\n\nx\x00", stomp.Malformed, "not a number"},
		{"content-length empty", stomp.V12, "SEND\ncontent-length:\n\n", stomp.Malformed, "empty"},
		{"content-length of 4 GiB", stomp.V12, "SEND\ncontent-length:4294967296\n\n", stomp.TooLarge, "content-length"},
		{"content-length beyond 64 bits", stomp.V12, "SEND\ncontent-length:" + strings.Repeat("9", 100) + "\n\n", stomp.TooLarge, "content-length"},
		{"content-length too short", stomp.V12, "SEND\ncontent-length:1\n\nxy\x00", stomp.Malformed, "no NUL byte follows"},
		{"body of a SUBSCRIBE", stomp.V12, "SUBSCRIBE\nid:1\n\nx\x00", stomp.Malformed, "SUBSCRIBE must not have a body"},
		{"announced body of a CONNECT", stomp.V12, "CONNECT\ncontent-length:5\n\n", stomp.Malformed, "CONNECT must not have a body"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(stomp.DefaultLimits(), tt.version, tt.in)
			checkError(t, err, tt.kind, tt.detail)
		})
	}
	for name, in := range map[string]string{
		"header line":    "SEND\na:" + strings.Repeat("x", 15) + "\n",
		"endless line":   "SEND\na:" + strings.Repeat("x", 15),
		"header count":   "SEND\na:\nb:\nc:\n",
		"frame by body":  "SEND\n\n" + strings.Repeat("x", 59),
		"frame, length":  "SEND\ncontent-length\\:1\n\n" + strings.Repeat("x", 60),
		"content-length": "SEND\ncontent-length:40\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			limits := small
			if name == "content-length" || name == "frame, length" {
				limits.HeaderLine = 32
			}
			_, err := parse(limits, stomp.V12, in)
			checkError(t, err, stomp.TooLarge, "")
		})
	}
}

// A token is longer than other headers are, and has a limit too.
func TestCredentialsMayBeLong(t *testing.T) {
	limits := stomp.DefaultLimits()
	for _, tc := range []struct {
		name string
		size int
		ok   bool
	}{
		{"passcode", 8<<10 - len("passcode:"), true},
		{"Authorization", 4000, true},
		{"authorization", 8<<10 - len("authorization"), false},
		{"passcode", 100 << 10, false},
		{"passcode2", 1 << 10, false},
		{"meta-passcode", 1 << 10, false},
	} {
		frames, err := parse(limits, stomp.V12, "CONNECT\n"+tc.name+":"+strings.Repeat("x", tc.size)+"\n\n\x00")
		if tc.ok && (err != nil || len(frames) != 1) {
			t.Errorf("%s of %d bytes: %v", tc.name, tc.size, err)
		}
		if !tc.ok {
			checkError(t, err, stomp.TooLarge, "a header line is longer than")
		}
	}
}

func checkError(t *testing.T, err error, kind stomp.Kind, detail string) {
	t.Helper()
	pe, ok := errors.AsType[*stomp.ParseError](err)
	if !ok {
		t.Fatalf("got error %v, want a ParseError", err)
	}
	if pe.Kind != kind || !strings.Contains(pe.Detail, detail) {
		t.Errorf("got kind %d, %q; want kind %d, …%q…", pe.Kind, pe.Detail, kind, detail)
	}
}

// The largest frame that is allowed passes, one byte more doesn't, with and
// without a content-length.
func TestFrameLimitIsExact(t *testing.T) {
	limits := stomp.Limits{Frame: 100, Headers: 4, HeaderLine: 64}
	for _, head := range []string{"SEND\n\n", "SEND\ncontent-length:%d\n\n"} {
		for _, size := range []int{100, 101} {
			h := head
			if strings.Contains(h, "%d") {
				h = fmt.Sprintf(h, size-len(head)-1)
			}
			_, err := parse(limits, stomp.V12, h+strings.Repeat("x", size-len(h)-1)+"\x00")
			if (err != nil) != (size > 100) {
				t.Errorf("frame of %d bytes after %q: error %v", size, h, err)
			}
		}
	}
}

// An error stays: nothing after it is read.
func TestErrorIsFinal(t *testing.T) {
	limits := stomp.DefaultLimits()
	p := stomp.NewParser(&limits)
	var f stomp.Frame
	p.Push([]byte("BAD\n"))
	_, first := p.Next(&f)
	p.Push([]byte("SEND\n\n\x00"))
	if ok, err := p.Next(&f); ok || err != first {
		t.Errorf("after an error: %v, %v; want the first error %v", ok, err, first)
	}
	if p.Unread() != 0 {
		t.Errorf("holds %d bytes after an error", p.Unread())
	}
}

// An idle parser holds nothing; one in the middle of a frame holds what was
// sent, not what was announced.
func TestHoldsOnlyWhatArrived(t *testing.T) {
	limits := stomp.DefaultLimits()
	p := stomp.NewParser(&limits)
	var f stomp.Frame
	p.Push([]byte("SEND\ncontent-length:60000\n\nabc"))
	if ok, err := p.Next(&f); ok || err != nil {
		t.Fatalf("half a frame: %v, %v", ok, err)
	}
	if p.Unread() != 30 {
		t.Errorf("holds %d bytes, 30 arrived", p.Unread())
	}
	p.Push(append([]byte(strings.Repeat("x", 60000-3)), 0))
	if ok, err := p.Next(&f); !ok || err != nil {
		t.Fatalf("whole frame: %v, %v", ok, err)
	}
	if ok, err := p.Next(&f); ok || err != nil || p.Unread() != 0 {
		t.Errorf("after the frame: %v, %v, %d bytes held", ok, err, p.Unread())
	}
}
