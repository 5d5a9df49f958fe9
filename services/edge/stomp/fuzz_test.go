package stomp_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	gostomp "github.com/go-stomp/stomp/v3/frame"

	"rollcall.dev/services/edge/stomp"
)

var seeds = []string{
	"", "\n", "\r\n\r\n", "\x00", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT\naccept-version:1.1,1.2\nhost:a\nlogin:alice\nheart-beat:10000,10000\nmeta-name:A\\lice\n\n\x00\n",
	"STOMP\r\naccept-version:1.2\r\n\r\n\x00",
	"SUBSCRIBE\nid:sub-0\ndestination:/topic/room.1\nreceipt:r\\c1\n\n\x00SEND\ndestination:/topic/room.1\ncontent-length:3\n\na\x00b\x00",
	"CONNECT\npasscode:" + strings.Repeat("x", 200) + "\n\n\x00", "SEND\nAUTHORIZATION:Bearer " + strings.Repeat("x", 300) + "\n\n\x00",
	"SEND\ncontent-length:99999999999999999999\n\n", "SEND\na:\\\n\n\x00", "MESSAGE\na:1\na:2\n\nx\x00y",
}

// FuzzParse: no input panics, makes the parser hold more than arrived, or is
// read differently when it comes in two pieces.
func FuzzParse(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint8(i), uint16(i*7))
	}
	f.Fuzz(func(t *testing.T, stream []byte, version uint8, at uint16) {
		limits := stomp.Limits{Frame: 512, Headers: 4, HeaderLine: 128, CredentialLine: 256}
		v := stomp.Version(version % 3)
		whole := outcome(parse(limits, v, string(stream)))
		split := min(int(at), len(stream))
		if cut := outcome(parse(limits, v, string(stream[:split]), string(stream[split:]))); cut != whole {
			t.Fatalf("cut at %d:\ngot  %s\nwant %s", split, cut, whole)
		}
	})
}

// FuzzRoundTrip: what is encoded is read back as it was, unless the version
// can't say it.
func FuzzRoundTrip(f *testing.F) {
	f.Add("destination", "/topic/a:b", "x-\\", "\r\n", []byte("body\x00more"), uint8(2), uint8(4))
	f.Add("a", "", "b", " c ", []byte{}, uint8(0), uint8(13))
	f.Add("accept-version", "1.2", "login", `a\c`, []byte(nil), uint8(1), uint8(1))
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, body []byte, version, command uint8) {
		v := stomp.Version(version % 3)
		c := stomp.Command(command%uint8(stomp.Error) + 1)
		if !sayable(v, c, n1, v1, n2, v2) {
			t.Skip()
		}
		switch c {
		case stomp.Send, stomp.Message, stomp.Error:
			body = append([]byte{}, body...)
		default:
			body = nil
		}
		encoded := stomp.AppendFrame(nil, v, c, body, n1, v1, n2, v2)
		limits := stomp.Limits{Frame: len(encoded), Headers: 3, HeaderLine: len(encoded)}
		p := stomp.NewParser(&limits)
		p.SetVersion(v)
		var frame stomp.Frame
		p.Push(bytes.Clone(encoded))
		if ok, err := p.Next(&frame); !ok || err != nil {
			t.Fatalf("%q: %v, %v", encoded, ok, err)
		}
		h := frame.Headers
		if frame.Command != c || !bytes.Equal(frame.Body, body) || string(h[0].Name) != n1 ||
			string(h[0].Value) != v1 || string(h[1].Name) != n2 || string(h[1].Value) != v2 || p.Unread() != 0 {
			t.Fatalf("%q read back as %s", encoded, describe(&frame))
		}
	})
}

// sayable reports whether these headers survive this version's encoding: no
// NUL anywhere, no content-length of their own, and where there are no
// escapes nothing that needs one and no blanks that are trimmed.
func sayable(v stomp.Version, c stomp.Command, n1, v1, n2, v2 string) bool {
	plain := v == stomp.V10 || c == stomp.Connect || c == stomp.Stomp || c == stomp.Connected
	for i, s := range []string{n1, v1, n2, v2} {
		raw := []byte(s)
		isName := i%2 == 0
		switch {
		case isName && (s == "" || s == "content-length"), bytes.IndexByte(raw, 0) >= 0:
			return false
		case v == stomp.V11 && bytes.IndexByte(raw, '\r') >= 0:
			return false
		case plain && (bytes.ContainsAny(raw, "\r\n") || isName && bytes.IndexByte(raw, ':') >= 0):
			return false
		case v == stomp.V10 && !bytes.Equal(raw, bytes.Trim(raw, " \t")):
			return false
		}
	}
	return true
}

// FuzzDifferential: whatever we accept, go-stomp's frame package reads the
// same, in the domain where both follow the specification: it unescapes
// CONNECT and CONNECTED, lets undefined escapes through, knows 1.2's escapes
// only, and gives heart-beats as frames.
func FuzzDifferential(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		limits := stomp.DefaultLimits()
		p := stomp.NewParser(&limits)
		p.SetVersion(stomp.V12)
		theirs := gostomp.NewReaderSize(bytes.NewReader(stream), 1<<17)
		p.Push(bytes.Clone(stream))
		for {
			var ours stomp.Frame
			ok, err := p.Next(&ours)
			if err != nil || !ok {
				return
			}
			other, err := theirs.Read()
			for err == nil && other == nil {
				other, err = theirs.Read()
			}
			if err != nil {
				t.Fatalf("we read %s, go-stomp says: %v", describe(&ours), err)
			}
			compare(t, &ours, other)
		}
	})
}

func compare(t *testing.T, ours *stomp.Frame, theirs *gostomp.Frame) {
	t.Helper()
	same := ours.Command.String() == theirs.Command && len(ours.Headers) == theirs.Header.Len() &&
		bytes.Equal(ours.Body, theirs.Body)
	for i := 0; same && i < len(ours.Headers); i++ {
		name, value := theirs.Header.GetAt(i)
		h := ours.Headers[i]
		if ours.Command.String()[0] == 'C' || ours.Command == stomp.Stomp { // CONNECT, CONNECTED, COMMIT: not compared
			return
		}
		same = string(h.Name) == name && string(h.Value) == value
	}
	if !same {
		t.Fatalf("we read %s, go-stomp %s %v %q (UTF-8 %v)", describe(ours), theirs.Command, theirs.Header, theirs.Body, utf8.Valid(ours.Body))
	}
}
