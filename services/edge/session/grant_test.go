package session_test

import (
	"strings"
	"testing"

	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
)

// may makes a grant of a claim's fields.
func may(t *testing.T, fields map[string]any) grant.Grant {
	t.Helper()
	g, err := grant.Parse(fields)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// proven is a session whose client showed a token.
func proven(t *testing.T, may grant.Grant) *client {
	t.Helper()
	cfg := config()
	cfg.LoginIsUser = false
	c := newClient(t, cfg)
	c.feed("CONNECT\naccept-version:1.2\n\n^")
	c.s.Accept(nil, "S1", "alice", may)
	return c
}

var some = map[string]any{"join": []any{"room.*"}, "watch": []any{"lobby"}, "send": []any{"room.1"}, "presence": []any{"bob"}}

// What the token allows passes, whatever else ends the session.
func TestOnlyWhatTheTokenAllows(t *testing.T) {
	for frame, allowed := range map[string]bool{
		"SUBSCRIBE\nid:1\ndestination:/topic/room.1\n\n^":           true,
		"SUBSCRIBE\nid:1\ndestination:/topic/lobby\n\n^":            false,
		"SUBSCRIBE\nid:1\ndestination:/topic/room\n\n^":             false,
		"SUBSCRIBE\nid:1\ndestination:/watch/lobby\n\n^":            true,
		"SUBSCRIBE\nid:1\ndestination:/watch/room.1\n\n^":           false,
		"SUBSCRIBE\nid:1\ndestination:/presence/bob\n\n^":           true,
		"SUBSCRIBE\nid:1\ndestination:/presence/%62ob\n\n^":         true,
		"SUBSCRIBE\nid:1\ndestination:/presence/alice\n\n^":         false,
		"SUBSCRIBE\nid:1\ndestination:/user/queue/session\n\n^":     true,
		"SUBSCRIBE\nid:1\ndestination:/user/queue/messages\n\n^":    true,
		"SEND\ndestination:/topic/room.1\n\nhi^":                    true,
		"SEND\ndestination:/topic/room.2\n\nhi^":                    false,
		"SEND\ndestination:/topic/lobby\n\nhi^":                     false,
		"SEND\ndestination:/app/session/meta\n\n{\"status\":\"\"}^": true,
	} {
		c := proven(t, may(t, some))
		acts := c.feed(frame)
		if allowed && (len(acts) != 1 || c.s.State() != session.Live) {
			t.Errorf("%q: %s", frame, show(acts))
		}
		if !allowed {
			checkFail(t, c.s, acts, policy, "the token does not allow to s")
		}
	}
	// Who may have every channel may not watch users, nor name their channels.
	for _, frame := range []string{"/presence/bob", "/topic/@bob", "/watch/@bob"} {
		c := proven(t, grant.EveryChannel())
		checkFail(t, c.s, c.feed("SUBSCRIBE\nid:1\ndestination:"+frame+"\n\n^"), policy, frame)
	}
	c := proven(t, grant.Everything())
	checkFail(t, c.s, c.feed("SEND\ndestination:/topic/@bob\n\nhi^"), policy, "only A-Z")
}

func TestNoGrantAllowsNothing(t *testing.T) {
	c := proven(t, grant.Grant{})
	checkFail(t, c.s, c.feed("SUBSCRIBE\nid:1\ndestination:/topic/a\n\n^"), policy, `the token does not allow to subscribe to "/topic/a"`)
}

// A new token is asked about, and what comes after it waits for the answer.
func TestRefresh(t *testing.T) {
	for name, frame := range map[string]string{
		"Authorization": "SEND\ndestination:/app/session/refresh\nreceipt:r\nAuthorization:Bearer new\n\nbody^",
		"passcode":      "SEND\ndestination:/app/session/refresh\nreceipt:r\npasscode:new\n\n^",
		"body":          "SEND\ndestination:/app/session/refresh\nreceipt:r\n\n new\n^",
	} {
		c := proven(t, may(t, some))
		c.feed("SUBSCRIBE\nid:1\ndestination:/topic/room.1\n\n^SUBSCRIBE\nid:2\ndestination:/watch/lobby\n\n^SUBSCRIBE\nid:3\ndestination:/user/queue/session\n\n^")
		acts := c.feed(frame + "SUBSCRIBE\nid:4\ndestination:/topic/other\n\n^SUBSC")
		want := session.Refresh{Credentials: session.Credentials{Passcode: "new"}, Receipt: "r"}
		if name == "Authorization" {
			want.Credentials = session.Credentials{Authorization: "Bearer new"}
		}
		if len(acts) != 1 || acts[0] != want || c.s.State() != session.Renewing {
			t.Fatalf("%s: %s in state %d", name, show(acts), c.s.State())
		}
		if acts := c.feed("RIBE\nid:5\ndestination:/watch/lobby\n\n^"); len(acts) != 0 {
			t.Fatalf("%s: while it is checked: %s", name, show(acts))
		}
		got := show(c.s.Renew(nil, may(t, map[string]any{"join": []any{"other"}, "watch": []any{"lobby"}}), "r"))
		if got != "Withdraw {Subscription:{ID:1 Destination:/topic/room.1 Channel:room.1 Role:member}}\n"+
			"Renewed {Receipt:r}\n"+
			"Subscribe {Subscription:{ID:4 Destination:/topic/other Channel:other Role:member} Receipt:}\n"+
			"Subscribe {Subscription:{ID:5 Destination:/watch/lobby Channel:lobby Role:watcher} Receipt:}" {
			t.Errorf("%s: %s", name, got)
		}
		if n := len(c.s.Subscriptions()); n != 4 {
			t.Errorf("%s: %d subscriptions", name, n)
		}
		checkFail(t, c.s, c.feed("SEND\ndestination:/topic/room.1\n\nhi^"), policy, "does not allow to send")
	}
}

// What a narrower token doesn't cover can't be had by asking in one breath.
func TestWhatFollowsANarrowerTokenIsJudgedByIt(t *testing.T) {
	c := proven(t, may(t, some))
	c.feed("SEND\ndestination:/app/session/refresh\n\nnarrow^SEND\ndestination:/topic/room.1\n\nhi^")
	acts := c.s.Renew(nil, grant.Grant{}, "")
	checkFail(t, c.s, acts[1:], policy, "does not allow to send")
}

// A token that can't be checked now changes nothing.
func TestKeep(t *testing.T) {
	c := proven(t, may(t, some))
	if acts := append(c.s.Renew(nil, grant.Everything(), ""), c.s.Keep(nil)...); len(acts) != 0 {
		t.Fatalf("without a refresh: %s", show(acts))
	}
	c.feed("SEND\ndestination:/app/session/refresh\n\nnew^SEND\ndestination:/topic/room.1\n\nhi^")
	if got := show(c.s.Keep(nil)); !strings.HasPrefix(got, "Publish room.1") || c.s.State() != session.Live {
		t.Errorf("%s, state %d", got, c.s.State())
	}
	if acts := c.s.Keep(nil); len(acts) != 0 {
		t.Errorf("again: %s", show(acts))
	}
}

func TestRefreshWithoutAToken(t *testing.T) {
	for frame, detail := range map[string]string{
		"SEND\ndestination:/app/session/refresh\n\n^":                   "takes a token",
		"SEND\ndestination:/app/session/refresh\n\n \r\n^":              "takes a token",
		"SEND\ndestination:/app/session/refresh\n\n\xff^":               "not UTF-8",
		"SEND\ndestination:/app/session/refresh\ntransaction:t\n\nnew^": "not supported",
	} {
		c := proven(t, may(t, some))
		checkFail(t, c.s, c.feed(frame), protocol, detail)
	}
}

// Where the login is the user nothing expires.
func TestRefreshWhereThereAreNoTokens(t *testing.T) {
	c := newClient(t, config()).live("1.2")
	if got := show(c.feed("SEND\ndestination:/app/session/refresh\nreceipt:r\n\nnew^")); got != `Reply "RECEIPT\nreceipt-id:r\n\n^"` {
		t.Errorf("got %s", got)
	}
}

func TestWhatWaitsForATokenIsBounded(t *testing.T) {
	c := proven(t, may(t, some))
	c.feed("SEND\ndestination:/app/session/refresh\n\nnew^")
	c.feed(strings.Repeat("\n", 40<<10))
	checkFail(t, c.s, c.feed(strings.Repeat("\n", 40<<10)), policy, "before the token was checked")
}
