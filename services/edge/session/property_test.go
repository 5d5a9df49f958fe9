package session_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
)

// clientFrames are what a client may send, sound and not.
var clientFrames = rapid.SampledFrom([]string{
	"\n", "\r\n",
	"SUBSCRIBE\nid:1\ndestination:/topic/a\n\n^", "SUBSCRIBE\nid:2\ndestination:/watch/b\nreceipt:r\n\n^",
	"SUBSCRIBE\ndestination:/topic/c\n\n^", "SUBSCRIBE\nid:3\ndestination:/user/queue/session\n\n^",
	"UNSUBSCRIBE\nid:1\n\n^", "UNSUBSCRIBE\nid:2\nreceipt:u\n\n^",
	"SEND\ndestination:/topic/a\ncontent-length:3\nreceipt:s\n\na^b^", "SEND\ndestination:/topic/a\n\nhello^",
	"ACK\nid:1\nmessage-id:1\nsubscription:1\n\n^", "DISCONNECT\nreceipt:d\n\n^", "SEND\ndestination:/topic/@a\n\nx^",
	"SEND\ndestination:/app/session/refresh\nreceipt:n\n\nnew^",
	"CONNECT\nlogin:bob\n\n^", "BEGIN\n\n^", "RUBBISH\n", "^", "SEND\nbad\\\n\n^",
})

// However the bytes arrive, the actions are the same.
func TestAnySplitGivesTheSameActions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hello := rapid.SampledFrom([]string{
			"CONNECT\naccept-version:1.2\nlogin:alice\n\n^", "CONNECT\nlogin:alice\n\n^",
			"STOMP\naccept-version:1.1\nlogin:alice\n\n^", "", "CONNECT\n\n^",
		}).Draw(t, "hello")
		stream := hello + strings.Join(rapid.SliceOfN(clientFrames, 0, 10).Draw(t, "frames"), "")
		stream = strings.ReplaceAll(stream, "^", "\x00")
		cfg := config()
		cfg.LoginIsUser = rapid.Bool().Draw(t, "login is user")
		narrower := rapid.SampledFrom([]grant.Grant{{}, grant.EveryChannel(), grant.Everything()}).Draw(t, "new token")
		want := drive(cfg, narrower, []string{stream})
		var pieces []string
		for rest := stream; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "cut")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := drive(cfg, narrower, pieces); got != want {
			t.Fatalf("cut as %q:\ngot  %s\nwant %s", pieces, got, want)
		}
	})
}

// drive runs a session that is admitted, and given a new token, as soon as it asks.
func drive(cfg *session.Config, renewed grant.Grant, pieces []string) string {
	s := session.New(cfg)
	var all []session.Action
	for _, piece := range pieces {
		data := []byte(piece)
		acts := s.Feed(nil, data)
		clear(data)
		all = append(all, acts...)
		if s.State() == session.Connecting {
			all = append(all, s.Accept(nil, "S1", "alice", grant.Everything())...)
		}
		for s.State() == session.Renewing {
			all = append(all, s.Renew(nil, renewed, "n")...)
		}
	}
	return fmt.Sprintf("%s\nstate %d, subscriptions %v", show(all), s.State(), s.Subscriptions())
}

// FuzzSession: whatever a client sends, and whenever the server acts, nothing
// panics, at most one Fail comes and it is last, and what is held is bounded.
func FuzzSession(f *testing.F) {
	f.Add([]byte("CONNECT\naccept-version:1.2\nlogin:a\n\n\x00SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\x00"), uint16(44), uint8(0))
	f.Add([]byte("STOMP\nlogin:a\nmeta-x:y\n\n\x00SEND\ndestination:/topic/a\n\nhi\x00DISCONNECT\nreceipt:1\n\n\x00"), uint16(3), uint8(1))
	f.Add([]byte("SUBSCRIBE\nid:1\n\n\x00"), uint16(0), uint8(2))
	f.Add([]byte("CONNECT\n\n\x00SEND\ndestination:/app/session/refresh\n\nnew\x00SEND\ndestination:/topic/a\n\nhi\x00"), uint16(11), uint8(4))
	f.Fuzz(func(t *testing.T, stream []byte, at uint16, act uint8) {
		cfg := config()
		cfg.MaxSubscriptions, cfg.MaxMeta = 3, 64
		cfg.Limits.Frame, cfg.Limits.HeaderLine = 1024, 128
		cfg.LoginIsUser = act%8 < 4
		s := session.New(cfg)
		split := min(int(at), len(stream))
		all := s.Feed(nil, stream[:split])
		switch act % 4 {
		case 0, 1:
			all = s.Accept(all, "S1", "alice", grant.Everything())
		case 2:
			all = s.Fail(all, policy, "enough", "")
		}
		all = s.Feed(all, stream[split:])
		all = s.Accept(all, "S1", "alice", grant.Everything())
		all = s.Renew(all, grant.EveryChannel(), "")
		all = s.Keep(all)
		for i, a := range all {
			if _, failed := a.(session.Fail); failed && i != len(all)-1 {
				t.Fatalf("Fail is not the last of %s", show(all))
			}
		}
		if len(s.Subscriptions()) > cfg.MaxSubscriptions {
			t.Fatalf("%d subscriptions", len(s.Subscriptions()))
		}
	})
}
