package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-stomp/stomp/v3"
	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

const (
	tokenSecret = "a-secret-of-tests-that-is-32-bytes-long"
	adminToken  = "an-admin-token-of-tests"
	notice      = 4 * time.Second
)

// signed is a token of a user who may join, watch and send to channels, and
// watch users, by patterns.
func signed(t *testing.T, user string, lasts time.Duration, channels, users []string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": user, "exp": time.Now().Add(lasts).Unix(), "tenant": "t1",
		"rollcall": map[string]any{"join": channels, "watch": channels, "send": channels, "presence": users}}).SignedString([]byte(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func connectWith(t *testing.T, s *harness.Standalone, user, token string) *harness.Client {
	t.Helper()
	return harness.Connect(t, s.Edge, user, "Authorization", "Bearer "+token)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	s := harness.StartStandalone(t, bin, "", prefix(t), "--auth=jwt", "--jwt-secret="+tokenSecret, "--jwt-event-claims=tenant",
		"--expiry-notice="+notice.String(), "--admin-token="+adminToken)
	topics := schema.Topics{Prefix: s.Prefix}
	lifecycle := harness.Follow(t, s.Brokers, topics.Lifecycle())
	t.Run("life of a token", func(t *testing.T) { t.Parallel(); lifeOfAToken(t, s, lifecycle) })
	t.Run("who may not", func(t *testing.T) { t.Parallel(); whoMayNot(t, s, lifecycle) })
	t.Run("admin token", func(t *testing.T) { t.Parallel(); adminTokens(t, s) })
}

// lifeOfAToken: join, notice, a narrower token that renews, notice, the end.
func lifeOfAToken(t *testing.T, s *harness.Standalone, lifecycle *harness.Log) {
	long := time.Minute
	bob := connectWith(t, s, "bob", signed(t, "bob", long, []string{"*"}, []string{"alice"}))
	kept, lost := bob.Join("room.kept"), bob.Join("room.lost")
	seen := bob.WatchUser("alice")

	alice := connectWith(t, s, "alice", signed(t, "alice", 10*time.Second, []string{"room.*"}, nil))
	notices := alice.Notices()
	inKept, inLost := alice.Join("room.kept"), alice.Join("room.lost")
	kept.WaitMembers("alice", "bob")
	lost.WaitMembers("alice", "bob")
	_, began := harness.Of(lifecycle, "alice's beginning", func(d *schema.SessionConnected) bool { return d.Session == alice.Session })
	if began.Claims["tenant"] != "t1" || began.ExpiresAt.IsZero() {
		t.Errorf("the log was told %+v", began)
	}
	wantNotice(t, notices, 1, began.ExpiresAt)

	exp := time.Now().Add(6 * time.Second)
	alice.Refresh(signed(t, "alice", 6*time.Second, []string{"room.kept"}, nil))
	gone := notices.WaitNotice(schema.ClientUnsubscribed, 1)
	if !strings.Contains(gone.Body, "/topic/room.lost") {
		t.Errorf("ended %s", gone.Body)
	}
	lost.WaitLeft("alice")
	once(t, lost, "alice", schema.ReasonUnsubscribed)
	harness.Of(lifecycle, "the session under the new token", func(d *schema.SessionConnected) bool {
		return d.Session == alice.Session && d.Reannounced && len(d.Subscriptions) == 1 && d.ExpiresAt.After(began.ExpiresAt.Time)
	})
	bob.Send("room.kept", "still with us?")
	inKept.WaitMessage("still with us?")
	bob.Send("room.lost", "not for alice")
	if told := inLost.Told(); strings.Contains(told[len(told)-1].Body, "not for alice") {
		t.Errorf("told after the end: %v", told)
	}

	wantNotice(t, notices, 2, schema.At(exp))
	end := inKept.WaitEnd()
	if !strings.Contains(end.Body, string(schema.ReasonTokenExpired)) || time.Since(exp) < -time.Second || time.Since(exp) > 3*time.Second {
		t.Errorf("ended %v after the token has expired, with %v", time.Since(exp), end)
	}
	kept.WaitLeft("alice")
	once(t, kept, "alice", schema.ReasonTokenExpired)
	seen.WaitLeft("alice")
	validate(t, kept, lost, seen, inKept, inLost, notices)
	validRecords(t, lifecycle)
	for _, entry := range lifecycle.Entries() {
		if strings.Contains(string(entry.Value), "eyJ") {
			t.Errorf("a token is in the log: %s", entry.Value)
		}
	}
}

func wantNotice(t *testing.T, notices *harness.Room, n int, at schema.Time) {
	t.Helper()
	told := notices.WaitNotice(schema.ClientSessionClosing, n)
	var closing schema.SessionClosing
	if err := json.Unmarshal([]byte(told.Body), &closing); err != nil || closing.Reason != schema.ReasonTokenExpired || at.Sub(closing.At.Time).Abs() > 2*time.Second {
		t.Errorf("notice %s, %v; want one of an end at %s", told.Body, err, at)
	}
	if left := time.Until(closing.At.Time); left > notice+100*time.Millisecond {
		t.Errorf("told %v before the end, want %v", left, notice)
	}
}

// whoMayNot is told what is wrong; sessions of others don't notice.
func whoMayNot(t *testing.T, s *harness.Standalone, lifecycle *harness.Log) {
	other := connectWith(t, s, "carol", signed(t, "carol", time.Minute, []string{"lobby"}, nil))
	inLobby := other.Join("lobby")
	good := signed(t, "dave", time.Minute, []string{"lobby"}, nil)
	head, payload, _ := strings.Cut(good, ".")
	for name, tc := range map[string]struct{ token, want string }{
		"none":      {"", "want Bearer and a token"},
		"tampered":  {head + "." + strings.ToUpper(payload), "JWT"},
		"unsigned":  {strings.TrimRight(good[:strings.LastIndex(good, ".")], ".") + ".", "signature is not valid"},
		"expired":   {signed(t, "dave", -time.Minute, nil, nil), string(schema.ReasonTokenExpired)},
		"too large": {good + strings.Repeat("A", 20<<10), string(schema.ReasonTooLarge)},
	} {
		_, err := harness.TryConnect(t, s.Edge, "dave", "Authorization", "Bearer "+tc.token)
		told, ok := errors.AsType[stomp.Error](err)
		if !ok {
			t.Errorf("%s: %v", name, err)
		} else if text := told.Message + " " + string(told.Frame.Body); !strings.Contains(text, tc.want) {
			t.Errorf("%s: %s, want %s", name, text, tc.want)
		}
	}
	for name, act := range map[string]func(c *harness.Client){
		"send elsewhere":        func(c *harness.Client) { c.Try("/topic/room.1", "hi") },
		"another's token":       func(c *harness.Client) { c.Try("/app/session/refresh", signed(t, "mallory", time.Minute, nil, nil)) },
		"no token to renew":     func(c *harness.Client) { c.Try("/app/session/refresh", "") },
		"a personal channel":    func(c *harness.Client) { c.Try("/topic/@carol", "hi") },
		"a forged one to renew": func(c *harness.Client) { c.Try("/app/session/refresh", good+"x") },
	} {
		dave := connectWith(t, s, "dave", good)
		in := dave.Join("lobby")
		act(dave)
		end := in.WaitEnd()
		_, d := harness.Of(lifecycle, "the end of dave's session", func(d *schema.SessionDisconnected) bool { return d.Session == dave.Session })
		if !strings.Contains(end.Body, string(d.Reason)) || d.CloseCode != 1008 && d.Reason != schema.ReasonProtocolError || d.Initiator != schema.InitiatorServer {
			t.Errorf("%s: ended with %s, in the log %+v", name, end.Body, d)
		}
	}
	other.Send("lobby", "all is well")
	inLobby.WaitMessage("all is well")
	validate(t, inLobby)
}

// adminTokens: the APIs of both services want one, the probes don't.
func adminTokens(t *testing.T, s *harness.Standalone) {
	client := http.Client{Timeout: harness.Patience}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		method, addr, path, token string
		status                    int
	}{
		{http.MethodGet, s.Presence, "/v1/users/nobody", "", http.StatusUnauthorized},
		{http.MethodGet, s.Presence, "/v1/users/nobody", adminToken, http.StatusOK},
		{http.MethodDelete, s.Presence, "/v1/users/nobody/sessions", "", http.StatusUnauthorized},
		{http.MethodDelete, s.Presence, "/v1/users/nobody/sessions", tokenSecret, http.StatusUnauthorized},
		{http.MethodDelete, s.Presence, "/v1/users/nobody/sessions", adminToken, http.StatusAccepted},
		{http.MethodPost, s.Notifier, "/v1/channels/lobby/messages", "", http.StatusUnauthorized},
		{http.MethodGet, s.Notifier, "/v1/channels/quiet", adminToken, http.StatusOK},
		{http.MethodGet, s.Notifier, "/readyz", "", http.StatusOK},
		{http.MethodGet, s.Presence, "/metrics", "", http.StatusOK},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tc.method, "http://"+tc.addr+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tc.token != "" {
			req.Header.Set("Authorization", "Bearer "+tc.token)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != tc.status {
			t.Errorf("%s %s with token %q: %d, want %d", tc.method, tc.path, tc.token, res.StatusCode, tc.status)
		}
	}
}
