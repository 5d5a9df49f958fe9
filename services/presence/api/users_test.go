package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

func TestAUserIsShownAsTheLogSays(t *testing.T) {
	r := newRig(t, "presence-0")
	var u User
	if status := r.get("/v1/users/alice", &u); status != http.StatusOK || u.Status != offline || u.Sessions.Sessions == nil || u.Channels == nil {
		t.Fatalf("before: %d %+v", status, u)
	}
	r.connect("alice", "s1")
	sub := schema.Subscription{ID: "0", Destination: "/topic/room.1", Channel: "room.1", Role: schema.RoleMember}
	r.log.Write(schema.TypeSessionSubscribed, "alice", &schema.SessionSubscribed{Ref: ref("alice", "s1"), Subscription: sub})
	u = r.eventually("/v1/users/alice", func(u User) bool { return len(u.Channels) == 1 })
	want := Session{Session: "s1", Edge: "edge-0", Meta: schema.Meta{"nick": "alice"}, ConnectedAt: u.Sessions.Sessions[0].ConnectedAt,
		Subscriptions: []Subscription{{ID: "0", Destination: "/topic/room.1", Channel: "room.1", Role: "member"}}}
	if !reflect.DeepEqual(u.Sessions.Sessions, []Session{want}) || u.Status != online || u.Count != 1 || u.Truncated || u.Channels[0] != "room.1" {
		t.Errorf("online: %+v", u)
	}
	if u.Since.IsZero() || u.Stale || u.Position == 0 || u.AsOf.IsZero() || want.ConnectedAt.IsZero() {
		t.Errorf("fresh: %+v", u)
	}
	var list UserSessions
	if r.get("/v1/users/alice/sessions", &list); !reflect.DeepEqual(list.Sessions, u.Sessions) || list.User != "alice" || list.AsOf.IsZero() {
		t.Errorf("sessions: %+v", list)
	}
	var one UserSession
	if r.get("/v1/users/alice/sessions/s1", &one); !reflect.DeepEqual(one.Session, want) || one.AsOf.IsZero() {
		t.Errorf("session: %+v", one)
	}
	r.log.Write(schema.TypeSessionDisconnected, "alice", &schema.SessionDisconnected{Ref: ref("alice", "s1"), Reason: schema.ReasonClientDisconnect})
	u = r.eventually("/v1/users/alice", func(u User) bool { return u.Status == offline })
	if u.LastSeen.IsZero() || !u.Since.IsZero() || len(u.Channels) != 0 || u.Count != 0 {
		t.Errorf("offline: %+v", u)
	}
}

// odd are ids that paths make trouble with.
var odd = []string{"a/b", "//", "a/", "a//b", "al ice", "a+b", "ünï☃🙂", "a%2Fb", "%", "@alice", ".", "..", "a:b", "users:batchGet",
	"a?b", "a#b", "a&note=x", `"quoted"\`, "sessions", strings.Repeat("é", 64)}

func TestOddIdsAreFoundInPathsAndBatches(t *testing.T) {
	r := newRig(t, "presence-0")
	for _, id := range odd {
		r.connect(id, "s1")
	}
	body, err := json.Marshal(BatchGet{Users: odd})
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range odd {
		// PathEscape leaves dots as they are, and a path of dots alone is cleaned.
		path := "/v1/users/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		u := r.eventually(path, func(u User) bool { return u.Status == online })
		if u.User != id || u.Sessions.Sessions[0].Meta["nick"] != id {
			t.Errorf("%q by %s: %+v", id, path, u)
		}
		if status := r.get(path+"/sessions/s1", nil); status != http.StatusOK {
			t.Errorf("session of %q: %d", id, status)
		}
		var c Command
		if r.do(t, r.urls[0], request{method: http.MethodDelete, path: path + "/sessions/s9"}, &c); c.User != id || c.Session != "s9" || c.Offset < int64(i)/2 {
			t.Errorf("command for %q: %+v", id, c)
		}
	}
	var batch Batch
	r.do(t, r.urls[0], request{method: http.MethodPost, path: "/v1/users:batchGet", body: string(body)}, &batch)
	if len(batch.Users) != len(odd) {
		t.Fatalf("%d users, want %d", len(batch.Users), len(odd))
	}
	for i, u := range batch.Users {
		if u.User != odd[i] || u.Status != online {
			t.Errorf("user %d of the batch is %q %s, want %q online", i, u.User, u.Status, odd[i])
		}
	}
}

func TestABatchIsInOrderAndEachUserOnce(t *testing.T) {
	r := newRig(t, "presence-0")
	r.connect("bob", "s1")
	r.eventually("/v1/users/bob", func(u User) bool { return u.Status == online })
	var batch Batch
	r.do(t, r.urls[0], request{method: http.MethodPost, path: "/v1/users:batchGet", body: `{"users":["zoe","bob","amy","bob","zoe"]}`}, &batch)
	var got []string
	for _, u := range batch.Users {
		got = append(got, u.User+" "+u.Status)
		if u.AsOf.Before(batch.AsOf.Time) || u.Lag > batch.Lag || u.Stale && !batch.Stale {
			t.Errorf("the batch (%v, lag %d, stale %v) is fresher than %+v", batch.AsOf, batch.Lag, batch.Stale, u)
		}
	}
	if want := []string{"zoe offline", "bob online", "amy offline"}; !reflect.DeepEqual(got, want) || batch.AsOf.IsZero() {
		t.Errorf("got %q as of %v, want %q", got, batch.AsOf, want)
	}
}
