package stomp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.dev/services/edge/stomp"
)

// pieceOfStream draws fragments that make frames, nearly frames and rubbish.
var pieceOfStream = rapid.OneOf(
	rapid.SampledFrom([]string{
		"\n", "\r\n", "\r", "\x00", ":", "SEND\n", "SEND\r\n", "SUBSCRIBE\n", "CONNECT\n", "ERROR\n", "UNSUBSCRIBE\r\n",
		"a:b\n", "a:b\r\n", "a\\c:\\n\n", "a:\\\n", "a:\\t\n", "content-length:3\n", "content-length:0\n", "content-length:99\n",
		"passcode:", "Authorization:", "passcode:abcdefghijklmnop\n", "authorization:Bearer abcdef\r\n",
		"\n\x00", "\nxyz\x00", "\n\x00\x00\x00\x00", "SEND\na:b\n\nxyz\x00", "SUBSCRIBE\nid:1\n\n\x00", "DISCONNECT\n\n\x00",
	}),
	rapid.Map(rapid.IntRange(1, 40), func(n int) string { return strings.Repeat("x", n) }),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }),
)

// However a stream is cut up, the frames and the error are the same.
func TestAnySplitParsesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := strings.Join(rapid.SliceOfN(pieceOfStream, 1, 12).Draw(t, "stream"), "")
		limits := stomp.Limits{
			Frame:      rapid.IntRange(1, 80).Draw(t, "frame"),
			Headers:    rapid.IntRange(0, 3).Draw(t, "headers"),
			HeaderLine: rapid.IntRange(1, 40).Draw(t, "line"),
		}
		if limits.HeaderLine >= len("authorization:") {
			limits.CredentialLine = rapid.IntRange(0, 60).Draw(t, "credential")
		}
		version := stomp.Version(rapid.IntRange(0, 2).Draw(t, "version"))
		want := outcome(parse(limits, version, stream))

		var pieces []string
		for rest := stream; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := outcome(parse(limits, version, pieces...)); got != want {
			t.Fatalf("cut as %q:\ngot  %s\nwant %s", pieces, got, want)
		}
	})
}

func outcome(frames []string, err error) string {
	return fmt.Sprintf("%s, error %v", strings.Join(frames, "; "), err)
}

// A client that sends single bytes makes the parser look at each byte a few
// times, not at all bytes for each.
func TestDripFeedIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	limits := stomp.DefaultLimits()
	cost := func(size int) time.Duration {
		frame := []byte("SEND\na:b\n\n" + strings.Repeat("x", size) + "\x00")
		best := time.Hour
		for range 5 {
			var f stomp.Frame
			p := stomp.NewParser(&limits)
			start := time.Now()
			for i := range frame {
				p.Push(frame[i : i+1])
				p.Next(&f)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	// 16 times the bytes: 16 times the time if linear, 256 times if quadratic.
	if small, large := cost(3_000), cost(48_000); large > 80*small {
		t.Errorf("48,000 single bytes took %v, 3,000 took %v", large, small)
	}
}
