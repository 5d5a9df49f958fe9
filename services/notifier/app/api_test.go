package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
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
	a, err := New(Options{Instance: "n"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := mount(mux, a.Host); err != nil {
		t.Fatal(err)
	}
	return mux
}

func TestAChannelIsShownAsTheLogSays(t *testing.T) {
	o := hosttest.Options(t, "notifier-0", brokertest.Brokers(t)...)
	a := start(t, o)
	url := "http://" + a.Addr() + "/v1/channels/room.1"
	var answer channelAnswer
	if status, body := hosttest.Answer(t, url, &answer); status != http.StatusOK || answer.Count != 0 || answer.Members == nil {
		t.Fatalf("before: %d %s", status, body)
	}
	w := hosttest.NewWriter(t, o.Kafka.Brokers, a.Topics().ChannelEvents(), schema.TaskSource("presence", "x", 0))
	w.Write(schema.TypePresenceJoined, "room.1", &schema.PresenceJoined{Channel: "room.1", User: "bob"})
	w.Write(schema.TypePresenceJoined, "room.1", &schema.PresenceJoined{Channel: "room.1", User: "alice", Meta: schema.Meta{"nick": "al"}})
	hosttest.Eventually(t, func() string {
		answer = channelAnswer{}
		status, body := hosttest.Answer(t, url, &answer)
		if status != http.StatusOK || answer.Count != 2 || len(answer.Members) != 2 || answer.Members[0].User != "alice" ||
			answer.Members[0].Meta["nick"] != "al" || answer.Stale || answer.AsOf.IsZero() {
			return fmt.Sprintf("two members: %d %s", status, body)
		}
		return ""
	})
	before := answer.Version
	w.Write(schema.TypePresenceLeft, "room.1", &schema.PresenceLeft{Channel: "room.1", User: "bob", Reason: schema.ReasonConnectionLost})
	hosttest.Eventually(t, func() string {
		answer = channelAnswer{}
		if status, body := hosttest.Answer(t, url, &answer); answer.Count != 1 || answer.Version.Offset <= before.Offset {
			return fmt.Sprintf("one member: %d %s", status, body)
		}
		return ""
	})
}

func TestAMessageIsInTheLogWhenItIsAnswered(t *testing.T) {
	o := hosttest.Options(t, "notifier-0", brokertest.Brokers(t)...)
	a := start(t, o)
	res := post(t, "http://"+a.Addr()+"/v1/channels/room.1/messages", `{"user":"alice","body":"hello"}`)
	if res.StatusCode != http.StatusAccepted {
		t.Fatalf("status %d", res.StatusCode)
	}
	hosttest.Eventually(t, func() string {
		var answer channelAnswer
		if _, body := hosttest.Answer(t, "http://"+a.Addr()+"/v1/channels/room.1", &answer); answer.Version.Offset < 1 {
			return "the message isn't folded: " + body
		}
		return ""
	})
}

func post(t *testing.T, url, body string) *http.Response {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	return res
}

func TestProblems(t *testing.T) {
	server := httptest.NewServer(notStarted(t))
	defer server.Close()
	for _, test := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/v1/channels/a%20b", "", http.StatusBadRequest},
		{"GET", "/v1/channels/@a%00b", "", http.StatusBadRequest},
		{"GET", "/v1/channels/room.1", "", http.StatusServiceUnavailable},
		{"GET", "/v1/channels/@al%20ice", "", http.StatusServiceUnavailable},
		{"POST", "/v1/channels/room.1/messages", `{"body":"x"}`, http.StatusServiceUnavailable},
		{"POST", "/v1/channels/@alice/messages", `{"body":"x"}`, http.StatusBadRequest},
		{"POST", "/v1/channels/room.1/messages", `no JSON`, http.StatusBadRequest},
		{"POST", "/v1/channels/room.1/messages", `{"user":"a\u0000b"}`, http.StatusBadRequest},
		{"POST", "/v1/channels/room.1/messages", `{"body":"` + strings.Repeat("x", messageLimit) + `"}`, http.StatusBadRequest},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p problem.Problem
		err = json.NewDecoder(res.Body).Decode(&p)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != test.want || p.Status != test.want || p.Title == "" || p.Detail == "" ||
			res.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %+v %v", test.method, test.path, res.StatusCode, p, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
