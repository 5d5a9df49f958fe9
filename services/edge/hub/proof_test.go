package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/transport"
)

// script is an authenticator that knows tokens by name.
type script map[string]func() (auth.Identity, error)

func (s script) Authenticate(ctx context.Context, c auth.Credentials) (auth.Identity, error) {
	for _, token := range []string{strings.TrimPrefix(c.Authorization, "Bearer "), c.Passcode, c.Request} {
		if known, ok := s[token]; ok {
			return known()
		}
	}
	return auth.Identity{}, auth.ErrRefused
}

// lasts is a token of alice that is valid for so long from when it is shown.
func lasts(d time.Duration, may grant.Grant) func() (auth.Identity, error) {
	return func() (auth.Identity, error) {
		return auth.Identity{User: "alice", May: may, ExpiresAt: time.Now().Add(d), Claims: map[string]any{"tenant": "t1"}}, nil
	}
}

func fails(err error) func() (auth.Identity, error) {
	return func() (auth.Identity, error) { return auth.Identity{}, err }
}

// tokenStage is a running hub whose clients show tokens, in a bubble.
func tokenStage(t *testing.T, known script) *stage {
	s := newStage(t)
	cfg := *s.h.cfg.Session
	cfg.LoginIsUser = false
	s.h.cfg.Session, s.h.cfg.Auth, s.h.cfg.ExpiryNotice = &cfg, known, 30*time.Second
	if err := s.h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.h.Stop(context.Background()) })
	return s
}

func (s *stage) connectWith(token string) (transport.Handler, *fakeConn) {
	conn := &fakeConn{}
	c := s.h.Open(conn, "test/1", "")
	feed(c, "CONNECT\naccept-version:1.2\npasscode:%s\n\n\x00", token)
	return c, conn
}

func refresh(c transport.Handler, token string) {
	feed(c, "SEND\ndestination:/app/session/refresh\nreceipt:r\nAuthorization:Bearer %s\n\n\x00", token)
}

// end is how a connection was closed, "" if it wasn't.
func (c *fakeConn) end() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		return ""
	}
	command, rest, _ := strings.Cut(c.last, "\n")
	var reason strings.Builder
	for l := range strings.Lines(rest) {
		if k, v, _ := strings.Cut(strings.TrimSpace(l), ":"); k == "message" || k == "retry" || k == "receipt-id" {
			reason.WriteString(" " + v)
		}
	}
	return command + reason.String()
}

// newest is the frame that arrived last.
func (c *fakeConn) newest() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.frames[len(c.frames)-1]
}

func (c *fakeConn) closedWith() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}

func (s *schedule) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// The notice comes its time before the end, the end when the token expires,
// and nothing that the client does or leaves moves either.
func TestTokenExpires(t *testing.T) {
	for name, busy := range map[string]func(c transport.Handler){
		"silent": func(transport.Handler) {},
		"busy": func(c transport.Handler) {
			feed(c, "\nSEND\ndestination:/topic/room\n\nhi\x00SEND\ndestination:/app/session/meta\n\n{\"status\":\"x\"}\x00")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := tokenStage(t, script{"t": lasts(5*time.Minute, grant.Everything())})
				began := time.Now()
				c, conn := s.connectWith("t")
				s.want("connected", conn.got(), "CONNECTED")
				s.out.mu.Lock()
				d := s.out.events[0].Data.(*schema.SessionConnected)
				s.out.mu.Unlock()
				if d.Claims["tenant"] != "t1" || !d.ExpiresAt.Equal(began.Add(5*time.Minute).Truncate(time.Millisecond)) {
					t.Errorf("the log was told %v %v", d.Claims, d.ExpiresAt)
				}
				subscribe(c, "q", "/user/queue/session", "")
				for time.Since(began) < 270*time.Second-time.Millisecond {
					busy(c)
					if got := conn.got(); strings.Contains(got, "closing") || conn.end() != "" {
						t.Fatalf("after %v: %s %s", time.Since(began), got, conn.end())
					}
					time.Sleep(min(10*time.Second, 270*time.Second-time.Millisecond-time.Since(began)))
				}
				time.Sleep(tick + 2*time.Millisecond)
				frame := conn.newest()
				s.want("notice", conn.got(), "MESSAGE session.closing")
				var closing schema.SessionClosing
				_, text, _ := strings.Cut(strings.TrimSuffix(frame, "\x00"), "\n\n")
				if err := json.Unmarshal([]byte(text), &closing); err != nil || closing.Reason != schema.ReasonTokenExpired || !closing.At.Equal(d.ExpiresAt.Time) {
					t.Errorf("notice %s, %v", text, err)
				}
				busy(c)
				time.Sleep(300*time.Second - time.Millisecond - time.Since(began))
				if end := conn.end(); end != "" {
					t.Fatalf("before the token has expired: %s", end)
				}
				conn.got()
				time.Sleep(tick + 2*time.Millisecond)
				s.want("end", conn.end(), "ERROR token_expired later")
				if conn.closedWith() != transport.CodePolicy || !strings.HasSuffix(s.out.told(), "disconnected alice token_expired") || s.h.Sessions() != 0 {
					t.Errorf("code %d, %d sessions", conn.closedWith(), s.h.Sessions())
				}
				if n := s.h.schedule.len(); n != 0 {
					t.Errorf("%d entries are left", n)
				}
			})
		})
	}
}

// Who subscribes after the notice is told then; who begins with less than the
// notice left, too.
func TestNoticeForWhoComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tokenStage(t, script{"t": lasts(10*time.Second, grant.Everything())})
		c, conn := s.connectWith("t")
		time.Sleep(time.Second)
		s.want("without a subscription", conn.got(), "CONNECTED")
		subscribe(c, "q", "/user/queue/session", "")
		subscribe(c, "m", "/user/queue/messages", "")
		s.want("with one", conn.got(), "MESSAGE session.closing")
		time.Sleep(8 * time.Second)
		s.want("again", conn.got())
	})
}

// A new token of the same user moves the end, to where it says.
func TestRefreshMovesTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tokenStage(t, script{
			"t": lasts(time.Minute, grant.Everything()), "long": lasts(time.Hour, grant.Everything()), "short": lasts(time.Minute, grant.Everything()),
			"ever": func() (auth.Identity, error) { return auth.Identity{User: "alice", May: grant.Everything()}, nil },
		})
		c, conn := s.connectWith("t")
		subscribe(c, "q", "/user/queue/session", "")
		subscribe(c, "1", "/topic/room", "")
		time.Sleep(50 * time.Second)
		s.want("before", conn.got(), "CONNECTED", "MESSAGE session.closing")
		s.out.told()
		refresh(c, "long")
		s.want("the receipt waits for the log", conn.got())
		s.want("the log is told", s.out.told0(), "connected alice again 1")
		s.out.ack()
		s.want("receipt", conn.got(), "RECEIPT r")
		time.Sleep(59*time.Minute + 31*time.Second)
		s.want("notice", conn.got(), "MESSAGE session.closing")
		if conn.end() != "" {
			t.Fatal("ended by the first token")
		}
		refresh(c, "ever")
		time.Sleep(20 * time.Minute)
		if conn.end() != "" {
			t.Fatal("ended by a token that doesn't expire")
		}
		refresh(c, "short")
		time.Sleep(time.Minute + tick)
		s.want("end", conn.end(), "ERROR token_expired later")
	})
}

// A narrower token ends the subscriptions that it doesn't cover, and no other.
func TestRefreshWithANarrowerToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms, err := grant.Parse(map[string]any{"join": []any{"a", "b"}, "watch": []any{"c"}})
		if err != nil {
			t.Fatal(err)
		}
		s := tokenStage(t, script{"t": lasts(time.Hour, grant.Everything()), "rooms": lasts(time.Hour, rooms)})
		s.out.auto = true
		c, conn := s.connectWith("t")
		for i, destination := range []string{"/user/queue/session", "/topic/a", "/topic/b", "/topic/d", "/watch/c", "/watch/a", "/presence/bob"} {
			subscribe(c, string(rune('0'+i)), destination, "")
		}
		conn.got()
		s.out.told()
		refresh(c, "rooms")
		conn.mu.Lock()
		frames := slices.Clone(conn.frames)
		conn.mu.Unlock()
		s.want("client", conn.got(), "MESSAGE session.unsubscribed", "MESSAGE session.unsubscribed", "MESSAGE session.unsubscribed", "RECEIPT r")
		var gone []string
		for _, f := range frames[:3] {
			var u schema.Unsubscribed
			_, text, _ := strings.Cut(strings.TrimSuffix(f, "\x00"), "\n\n")
			if err := json.Unmarshal([]byte(text), &u); err != nil || u.Reason != schema.ReasonPolicyViolation {
				t.Errorf("%s, %v", text, err)
			}
			gone = append(gone, u.Subscription+u.Destination)
		}
		if got := strings.Join(gone, " "); got != "3/topic/d 5/watch/a 6/presence/bob" {
			t.Errorf("ended %s", got)
		}
		told := s.out.told()
		if strings.Count(told, "unsubscribed alice") != 3 || !strings.HasSuffix(told, "connected alice again 3") {
			t.Errorf("the log was told %s", told)
		}
		s.deliver("d", state(1, "bob"))
		s.want("of a channel that is gone", conn.got())
		feed(c, "SEND\ndestination:/topic/a\n\nhi\x00")
		s.want("end", conn.end(), "ERROR policy_violation never")
	})
}

// A token that is refused ends the session, with why.
func TestRefreshThatIsRefused(t *testing.T) {
	for token, want := range map[string]struct {
		end    string
		reason schema.Reason
	}{
		"bobs":    {"ERROR policy_violation never r", schema.ReasonPolicyViolation},
		"forged":  {"ERROR policy_violation never r", schema.ReasonPolicyViolation},
		"expired": {"ERROR token_expired later r", schema.ReasonTokenExpired},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := tokenStage(t, script{"t": lasts(time.Hour, grant.Everything()), "expired": fails(auth.ErrExpired),
				"bobs": func() (auth.Identity, error) { return auth.Identity{User: "bob", May: grant.Everything()}, nil }})
			c, conn := s.connectWith("t")
			s.out.told()
			refresh(c, token)
			s.want(token, conn.end(), want.end)
			s.want(token, s.out.told(), "disconnected alice "+string(want.reason))
		})
	}
}

// A token that can't be checked just now changes nothing, also not the end. The
// hub goes on while it is asked about.
func TestRefreshDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		outage := errors.New("no keys")
		s := tokenStage(t, script{"t": lasts(time.Minute, grant.Everything()), "new": func() (auth.Identity, error) {
			time.Sleep(4 * time.Second)
			return auth.Identity{}, outage
		}})
		c, conn := s.connectWith("t")
		subscribe(c, "q", "/user/queue/session", "")
		began := time.Now()
		go refresh(c, "new")
		time.Sleep(time.Second)
		c.(*client).announce(0) // as the hub's loop does
		if waited := time.Since(began); waited > time.Second {
			t.Errorf("the hub waited %v", waited)
		}
		time.Sleep(4 * time.Second)
		s.want("told", conn.got(), "CONNECTED", "MESSAGE session.closing")
		subscribe(c, "1", "/topic/room", "")
		time.Sleep(54 * time.Second)
		if conn.end() != "" {
			t.Fatal("ended before its time")
		}
		time.Sleep(time.Second + tick)
		s.want("end", conn.end(), "ERROR token_expired later")
	})
}

// A session that ends while its token is asked about stays ended.
func TestEndWhileATokenIsAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func() (auth.Identity, error) {
			time.Sleep(2 * time.Second)
			return lasts(time.Hour, grant.Everything())()
		}
		s := tokenStage(t, script{"t": lasts(time.Hour, grant.Everything()), "slow": slow})
		c, conn := s.connectWith("t")
		s.out.told()
		go refresh(c, "slow")
		time.Sleep(time.Second)
		c.(*client).Fail(schema.ReasonKicked, "spam")
		time.Sleep(2 * time.Second)
		s.want("log", s.out.told(), "disconnected alice kicked")
		s.want("end", conn.end(), "ERROR kicked never")
		if n := s.h.schedule.len(); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}

// Who can't be let in is told why, and whether to come again.
func TestConnectThatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tokenStage(t, script{"old": fails(auth.ErrExpired), "outage": fails(errors.New("no keys"))})
		for token, want := range map[string]string{
			"old": "ERROR token_expired later", "forged": "ERROR policy_violation never", "outage": "ERROR server_shutdown now",
		} {
			_, conn := s.connectWith(token)
			s.want(token, conn.end(), want)
		}
		s.want("log", s.out.told())
	})
}

// The token of the HTTP request is for the CONNECT that follows, no longer.
func TestTokenOfTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := tokenStage(t, script{"t": func() (auth.Identity, error) { return auth.Identity{User: "alice"}, nil }})
		conn := &fakeConn{}
		c := s.h.Open(conn, "", "t").(*client)
		feed(c, "CONNECT\naccept-version:1.2\n\n\x00")
		s.want("connected", conn.got(), "CONNECTED")
		if c.proof != nil {
			t.Error("it is still there")
		}
		feed(c, "SEND\ndestination:/topic/a\n\nhi\x00")
		s.want("end", conn.end(), "ERROR policy_violation never")
	})
}

// Entries come out by their time, each once, whatever is moved and removed.
func TestSchedule(t *testing.T) {
	var s schedule
	var all []*entry
	for i := range 200 {
		e := &entry{}
		all = append(all, e)
		s.set(e, time.Duration(i*7919%1000))
	}
	for i, e := range all {
		switch i % 4 {
		case 0:
			s.set(e, time.Duration(i*104729%1000))
		case 1:
			s.remove(e)
			s.remove(e)
		case 2:
			s.remove(e)
			s.set(e, time.Duration(i))
		}
	}
	var out []*entry
	for e := s.due(999); e != nil; e = s.due(999) {
		out = append(out, e)
	}
	if len(out) != 150 || !slices.IsSortedFunc(out, func(a, b *entry) int { return cmp.Compare(a.at, b.at) }) {
		t.Errorf("%d entries", len(out))
	}
	s.set(all[0], 10)
	if s.due(9) != nil || s.due(10) != all[0] || s.due(1000) != nil {
		t.Error("due before its time, or not at it, or twice")
	}
}

var _ auth.Authenticator = script{}
