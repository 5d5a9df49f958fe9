package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/settings"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
)

const tokenSecret = "0123456789abcdef0123456789abcdef"

// token makes one of a user who may do everything with the rooms, with changes.
func token(t *testing.T, user string, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": user, "exp": time.Now().Add(time.Hour).Unix(), "tenant": "t1",
		"rollcall": map[string]any{"join": []any{"room.*"}, "watch": []any{"room.*"}, "send": []any{"room.*"}}}
	maps.Copy(claims, changes)
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func withTokens(o *Options) {
	o.Auth, o.Secret, o.Cookie, o.EventClaims = "jwt", tokenSecret, "session", []string{"tenant"}
}

// dialWith opens a WebSocket whose request has headers.
func (r *rig) dialWith(header http.Header) (*raw, *http.Response, error) {
	c := r.undialled()
	ws, res, err := websocket.Dial(c.ctx, "ws://"+r.app.Addr()+"/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, res, err
	}
	r.t.Cleanup(func() { _ = ws.CloseNow() })
	c.ws = ws
	return c, res, nil
}

// A token is taken from wherever it may be. Nobody but the session's user sees
// any of it in the log.
func TestTokenOverEachWay(t *testing.T) {
	r := newRig(t, withTokens)
	for user, way := range map[string]struct {
		header http.Header
		frame  string
	}{
		"connect":  {nil, "Authorization:Bearer %s\n"},
		"passcode": {nil, "login:mallory\npasscode:%s\n"},
		"request":  {http.Header{"Authorization": {"Bearer %s"}}, ""},
		"cookie":   {http.Header{"Cookie": {"session=%s; other=x"}}, ""},
	} {
		signed := token(t, user, nil)
		header := http.Header{}
		for name, values := range way.header {
			header.Set(name, fmt.Sprintf(values[0], signed))
		}
		if way.frame != "" {
			way.frame = fmt.Sprintf(way.frame, signed)
		}
		c, _, err := r.dialWith(header)
		if err != nil {
			t.Fatal(err)
		}
		c.send("CONNECT\naccept-version:1.2\n" + way.frame + "meta-passcode:" + signed + "\n\n\x00")
		if command, headers, body := c.frame(); command != "CONNECTED" || headers["user-name"] != user {
			t.Fatalf("%s: %s %v %s", user, command, headers, body)
		}
		d := await(r, 1, func(d *schema.SessionConnected) bool { return d.User == user })
		if d.Claims["tenant"] != "t1" || len(d.Claims) != 1 || time.Until(d.ExpiresAt.Time) < 59*time.Minute || d.Meta != nil {
			t.Errorf("%s: the log was told %+v", user, d)
		}
		parts := strings.Split(signed, ".")
		r.mu.Lock()
		text := fmt.Sprintf("%+v %+v", r.events, d)
		r.mu.Unlock()
		if strings.Contains(text, parts[1]) || strings.Contains(text, parts[2]) {
			t.Errorf("%s: the token is in the log: %s", user, text)
		}
	}
}

// Bad tokens are refused with the reason, whatever they are, and others go on.
func TestBadTokensOverTheWire(t *testing.T) {
	r := newRig(t, withTokens)
	other, _, err := r.dialWith(http.Header{"Authorization": {"Bearer " + token(t, "alice", nil)}})
	if err != nil {
		t.Fatal(err)
	}
	other.send("CONNECT\naccept-version:1.2\n\n\x00SUBSCRIBE\nid:q\ndestination:/user/queue/session\nreceipt:s\n\n\x00")
	e := base64.RawURLEncoding.EncodeToString
	for name, tc := range map[string]struct {
		header, reason, retry, detail string
		code                          websocket.StatusCode
	}{
		"none":    {"", "policy_violation", "never", "no token was sent", 1008},
		"alg":     {"passcode:" + e([]byte(`{"alg":"none"}`)) + "." + e([]byte(`{"sub":"alice"}`)) + ".\n", "policy_violation", "never", "not signed with HS256", 1008},
		"expired": {"passcode:" + token(t, "alice", jwt.MapClaims{"exp": 1}) + "\n", "token_expired", "later", "has expired", 1008},
		"100 KB":  {"Authorization:Bearer " + strings.Repeat("x", 60<<10), "too_large", "never", "longer than 8192", 1009},
	} {
		c, _, err := r.dialWith(nil)
		if err != nil {
			t.Fatal(err)
		}
		end := "\n\x00"
		if name == "100 KB" {
			end = "" // the edge doesn't wait for the rest
		}
		c.send("CONNECT\naccept-version:1.2\n" + tc.header + end)
		command, headers, body := c.frame()
		if command != "ERROR" || headers["message"] != tc.reason || headers["retry"] != tc.retry || !strings.Contains(body, tc.detail) {
			t.Errorf("%s: %s %v %s", name, command, headers, body)
		}
		if code, reason := c.closed(); code != tc.code || reason != tc.reason {
			t.Errorf("%s: closed with %d %s", name, code, reason)
		}
	}
	if _, res, err := r.dialWith(http.Header{"Authorization": {"Bearer " + strings.Repeat("x", 100<<10)}}); err == nil || res == nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100 KB in the request: %v", err)
	}
	long, _, err := r.dialWith(http.Header{"Authorization": {"Bearer " + strings.Repeat("x", 9<<10)}})
	if err != nil {
		t.Fatal(err)
	}
	long.send("CONNECT\naccept-version:1.2\n\n\x00")
	if _, headers, body := long.frame(); headers["message"] != "policy_violation" || !strings.Contains(body, "at most 8192") {
		t.Errorf("9 KB in the request: %v %s", headers, body)
	}
	for _, want := range []string{"CONNECTED", "RECEIPT"} {
		if command, _, body := other.frame(); command != want {
			t.Errorf("another session got %s %s", command, body)
		}
	}
	if n := r.app.hub.Sessions(); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

// An edge whose keys can't be fetched says what it waits for, and takes nobody.
func TestNobodyComesInBeforeTheKeysAreThere(t *testing.T) {
	o := (&rig{t: t}).options("edge-0")
	o.Auth, o.JWKSURL = "jwt", "http://127.0.0.1:1/jwks.json"
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Ready(); err == nil {
		t.Error("ready")
	}
	a.readiness.wait("kafka", "")
	a.readiness.wait("epoch", "")
	if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "auth: ") || !strings.Contains(err.Error(), o.JWKSURL) {
		t.Errorf("waits for %v", err)
	}
	if refusal := a.admit(nil); refusal == nil || refusal.Status != http.StatusServiceUnavailable {
		t.Errorf("admits: %+v", refusal)
	}
}

func TestAuthSettingsThatCannotWork(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--auth is not set":                    func(o *Options) { o.Auth = "" },
		"--auth=jwt has no key":                func(o *Options) { o.Auth = "jwt" },
		"--jwt-secret has 3 bytes":             func(o *Options) { o.Auth, o.Secret = "jwt", "abc" },
		"--jwt-cookie with --allowed-origins=": func(o *Options) { withTokens(o); o.AllowedOrigins = []string{"https://a.test", "*"} },
	} {
		o := (&rig{t: t}).options("edge-0")
		change(&o)
		_, err := New(o)
		if _, usage := errors.AsType[*settings.UsageError](err); !usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want a usage error with %s", err, want)
		}
	}
}
