package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/leakcheck"
	"rollcall.dev/internal/problem"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func start(t *testing.T, o Options) *App {
	t.Helper()
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	hosttest.Start(t, a)
	hosttest.Ready(t, a)
	return a
}

// notStarted is the API of an instance that hasn't started.
func notStarted(t *testing.T) http.Handler {
	t.Helper()
	a, err := New(Options{Options: host.Options{Instance: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mount(mux, a.Host)
	return mux
}

func TestAUserIsShownAsTheLogSays(t *testing.T) {
	o := Options{Options: hosttest.Options(t, "presence-0", brokertest.Brokers(t)...)}
	a := start(t, o)
	url := "http://" + a.Addr() + "/v1/users/al%20ice"
	var answer userAnswer
	if status, body := hosttest.Answer(t, url, &answer); status != http.StatusOK || answer.Status != "offline" || len(answer.Sessions) != 0 {
		t.Fatalf("before: %d %s", status, body)
	}

	const user = "al ice"
	w := hosttest.NewWriter(t, o.Kafka.Brokers, a.Topics().Lifecycle(), schema.EdgeSource("edge-0", 1))
	ref := schema.Ref{Session: "s1", User: user, Edge: "edge-0", Epoch: 1}
	sub := schema.Subscription{ID: "0", Destination: "/topic/room.1", Channel: "room.1", Role: schema.RoleMember}
	w.Write(schema.TypeSessionConnected, user, &schema.SessionConnected{Ref: ref, Meta: schema.Meta{"nick": "al"}})
	w.Write(schema.TypeSessionSubscribed, user, &schema.SessionSubscribed{Ref: ref, Subscription: sub})
	hosttest.Eventually(t, func() string {
		answer = userAnswer{}
		status, body := hosttest.Answer(t, url, &answer)
		if status != http.StatusOK || answer.Status != "online" || len(answer.Channels) != 1 || answer.Channels[0] != "room.1" {
			return fmt.Sprintf("online: %d %s", status, body)
		}
		return ""
	})
	if s := answer.Sessions[0]; s.Session != "s1" || s.Edge != "edge-0" || s.Meta["nick"] != "al" || len(s.Subscriptions) != 1 || s.Subscriptions[0] != sub {
		t.Errorf("session %+v", s)
	}
	if answer.Stale || answer.Position == 0 || answer.AsOf.IsZero() {
		t.Errorf("freshness %+v", answer.freshness)
	}

	w.Write(schema.TypeSessionDisconnected, user, &schema.SessionDisconnected{Ref: ref, Reason: schema.ReasonClientDisconnect})
	hosttest.Eventually(t, func() string {
		answer = userAnswer{}
		if status, body := hosttest.Answer(t, url, &answer); status != http.StatusOK || answer.Status != "offline" || len(answer.Channels) != 0 {
			return fmt.Sprintf("offline: %d %s", status, body)
		}
		return ""
	})
}

func TestProblems(t *testing.T) {
	server := httptest.NewServer(notStarted(t))
	defer server.Close()
	for path, want := range map[string]int{
		"/v1/users/a%00b": http.StatusBadRequest,
		"/v1/users/alice": http.StatusServiceUnavailable,
	} {
		res, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		var p problem.Problem
		err = json.NewDecoder(res.Body).Decode(&p)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != want || p.Status != want || p.Title == "" || p.Detail == "" ||
			res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %+v %v", path, res.StatusCode, p, err)
		}
		if retry := res.Header.Get("Retry-After"); (retry != "") != (want == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After %q", path, retry)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
