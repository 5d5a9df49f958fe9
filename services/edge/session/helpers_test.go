package session_test

import (
	"fmt"
	"strings"
	"testing"

	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/session"
)

func config() *session.Config {
	cfg := session.DefaultConfig()
	cfg.LoginIsUser = true
	return &cfg
}

// client drives one session with text in which ^ stands for NUL, and admits
// it as the hub would.
type client struct {
	t *testing.T
	s *session.Session
}

func newClient(t *testing.T, cfg *session.Config) *client {
	return &client{t: t, s: session.New(cfg)}
}

func (c *client) feed(text string) []session.Action {
	return c.s.Feed(nil, []byte(strings.ReplaceAll(text, "^", "\x00")))
}

// live connects as alice in a version.
func (c *client) live(version string) *client {
	c.t.Helper()
	accept := "accept-version:" + version + "\n"
	if version == "1.0" {
		accept = ""
	}
	if acts := c.feed("CONNECT\n" + accept + "login:alice\n\n^"); len(acts) != 1 {
		c.t.Fatalf("CONNECT gave %s", show(acts))
	}
	c.s.Accept(nil, "S1", "alice", grant.Everything())
	if c.s.State() != session.Live {
		c.t.Fatalf("state %d after Accept", c.s.State())
	}
	return c
}

// show writes actions as text, NUL as ^.
func show(actions []session.Action) string {
	var lines []string
	for _, a := range actions {
		switch a := a.(type) {
		case session.Reply:
			lines = append(lines, fmt.Sprintf("Reply %q", a.Frame))
		case session.Publish:
			lines = append(lines, fmt.Sprintf("Publish %s %s %q receipt %q", a.Channel, a.ContentType, a.Body, a.Receipt))
		case session.Fail:
			lines = append(lines, fmt.Sprintf("Fail %s %d %s: %s", a.Reason, a.Code, a.Retry, a.Detail))
		case session.Connect:
			lines = append(lines, fmt.Sprintf("Connect %q %s %v %v", a.User, a.Version, a.Meta, a.HeartBeat))
		default:
			lines = append(lines, strings.TrimPrefix(fmt.Sprintf("%T %+v", a, a), "session."))
		}
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), `\x00`, "^")
}
