package stomp_test

import (
	"strings"
	"testing"

	"rollcall.dev/services/edge/stomp"
)

func TestAppendFrame(t *testing.T) {
	tests := []struct {
		name    string
		version stomp.Version
		command stomp.Command
		body    []byte
		pairs   []string
		want    string
	}{
		{"receipt", stomp.V12, stomp.Receipt, nil, []string{"receipt-id", "1"}, "RECEIPT\nreceipt-id:1\n\n\x00"},
		{"connected is not escaped", stomp.V12, stomp.Connected, nil, []string{"server", `a\b:c`}, "CONNECTED\nserver:a\\b:c\n\n\x00"},
		{"1.2 escapes all", stomp.V12, stomp.Error, []byte("x"), []string{"a:b", "c\r\n\\"}, "ERROR\na\\cb:c\\r\\n\\\\\ncontent-length:1\n\nx\x00"},
		{"1.1 has none for CR", stomp.V11, stomp.Receipt, nil, []string{"a", "b\r\n:\\"}, "RECEIPT\na:b \\n\\c\\\\\n\n\x00"},
		{"1.0 has none", stomp.V10, stomp.Receipt, nil, []string{"a", "b\r\n:\\"}, "RECEIPT\na:b  :\\\n\n\x00"},
		{"no NUL in a header", stomp.V12, stomp.Receipt, nil, []string{"a", "b\x00c"}, "RECEIPT\na:b c\n\n\x00"},
		{"no line is injected into CONNECTED", stomp.V12, stomp.Connected, nil, []string{"a", "b\n\n\x00"}, "CONNECTED\na:b   \n\n\x00"},
		{"empty body", stomp.V12, stomp.Message, []byte{}, nil, "MESSAGE\ncontent-length:0\n\n\x00"},
		{"UTF-8", stomp.V12, stomp.Receipt, nil, []string{"a", "zoë"}, "RECEIPT\na:zoë\n\n\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := stomp.AppendFrame([]byte("^"), tt.version, tt.command, tt.body, tt.pairs...)
			if string(got) != "^"+tt.want {
				t.Errorf("got  %q\nwant %q", got, "^"+tt.want)
			}
		})
	}
}

// A fanned-out message is the same frame for its subscriber as one encoded
// for it alone, in every version.
func TestFanoutIsAWholeFrame(t *testing.T) {
	for v := stomp.V10; v <= stomp.V12; v++ {
		for _, destination := range []string{"/topic/room.1", "/topic/room:1"} {
			fan := stomp.NewFanout([]byte(`{"a":1}`), "destination", destination, "content-type", "application/json")
			got := stomp.AppendMessageHead(nil, v, "sub:0", "7:41020")
			got = append(got, fan.Tail(v)...)
			want := stomp.AppendFrame(nil, v, stomp.Message, []byte(`{"a":1}`), "subscription", "sub:0",
				"message-id", "7:41020", "destination", destination, "content-type", "application/json")
			if string(got) != string(want) {
				t.Errorf("%s: got  %q\nwant %q", v, got, want)
			}
			frames, err := parse(stomp.DefaultLimits(), v, string(got))
			if err != nil || len(frames) != 1 || !strings.Contains(frames[0], destination) {
				t.Errorf("%s: read back as %q, %v", v, frames, err)
			}
		}
	}
}

func TestFanoutSharesMemoryBetweenVersions(t *testing.T) {
	fan := stomp.NewFanout(nil, "destination", "/topic/a")
	if &fan.Tail(stomp.V10)[0] != &fan.Tail(stomp.V12)[0] {
		t.Error("a message without anything to escape is encoded more than once")
	}
}

func TestNegotiate(t *testing.T) {
	tests := []struct {
		accept string
		want   stomp.Version
		ok     bool
	}{
		{"1.2", stomp.V12, true}, {"1.0,1.1,1.2", stomp.V12, true}, {"1.2,1.0", stomp.V12, true},
		{"1.1, 1.0", stomp.V11, true}, {"1.0", stomp.V10, true}, {"1.3,1.1", stomp.V11, true},
		{"", 0, false}, {"1.3", 0, false}, {"2", 0, false}, {",,", 0, false}, {"1.20", 0, false},
	}
	for _, tt := range tests {
		if got, ok := stomp.Negotiate([]byte(tt.accept)); ok != tt.ok || got != tt.want {
			t.Errorf("Negotiate(%q) = %v, %v; want %v, %v", tt.accept, got, ok, tt.want, tt.ok)
		}
	}
}
