package host_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/problem"
)

func TestWhatAPeerSays(t *testing.T) {
	h := newHost(t, hosttest.Options(t, "rooms-0", brokertest.Brokers(t)...))
	hosttest.Start(t, h) // so that its connections end with it
	block := make(chan struct{})
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/answer":
			if r.Method != http.MethodPost || r.Header.Get(host.Forwarded) != "rooms-0" || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s with %v", r.Method, r.Header)
			}
			_, _ = w.Write([]byte(`{"say":"hello"}`))
		case "/moving":
			problem.Unavailable("partition 1 is restoring here").Write(w)
		case "/redirect":
			http.Redirect(w, r, "/answer", http.StatusTemporaryRedirect)
		case "/garbage":
			_, _ = w.Write([]byte(`<html>`))
		case "/silent":
			<-block
		}
	}))
	defer peer.Close()
	defer close(block)
	to := &stream.Peer{Instance: "rooms-1", HTTP: strings.TrimPrefix(peer.URL, "http://")}
	ask := func(path string) (string, *problem.Problem) {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var answer struct{ Say string }
		p := h.Ask(ctx, to, path, map[string]string{"ask": "something"}, &answer)
		return answer.Say, p
	}
	if say, p := ask("/answer"); p != nil || say != "hello" {
		t.Errorf("%q, %+v", say, p)
	}
	for path, want := range map[string]string{
		"/moving": "partition 1 is restoring here", "/redirect": "307", "/garbage": "decode the answer", "/silent": "deadline",
	} {
		_, p := ask(path)
		if p == nil || p.Status != http.StatusServiceUnavailable || !strings.Contains(p.Detail, want) || !strings.Contains(p.Detail, "rooms-1") {
			t.Errorf("%s: %+v, want one with %q", path, p, want)
		}
	}
}
