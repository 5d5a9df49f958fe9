package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

// postSockJS sends one SockJS request and returns its answer.
func (r *rig) postSockJS(path, body string) (status int, answer string) {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.ctx, http.MethodPost, "http://"+r.app.Addr()+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("User-Agent", "polling/1")
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// A session over SockJS is one like any other: a frame over several messages,
// several frames in one, the transport in the log, an end with its reason.
func TestSessionOverSockJS(t *testing.T) {
	r := newRig(t, func(o *Options) { o.SockJS = true })
	poll := func(want string) {
		t.Helper()
		if status, text := r.postSockJS("/sockjs/000/one/xhr", ""); status != http.StatusOK || !strings.Contains(text, want) {
			t.Fatalf("poll: %d %.200q; want %q", status, text, want)
		}
	}
	send := func(messages ...string) {
		t.Helper()
		body, _ := json.Marshal(messages)
		if status, text := r.postSockJS("/sockjs/000/one/xhr_send", string(body)); status != http.StatusNoContent {
			t.Fatalf("send: %d %s", status, text)
		}
	}
	poll("o\n")
	send(connectAlice[:20], connectAlice[20:])
	poll("CONNECTED")
	c := await(r, 1, any1[*schema.SessionConnected])
	if c.Protocol != "stomp/1.2+sockjs-xhr-polling" || c.UserAgent != "polling/1" || c.User != "alice" || !strings.HasPrefix(c.RemoteAddr, "127.0.0.1:") {
		t.Errorf("connected %+v", c)
	}
	send("SUBSCRIBE\nid:1\ndestination:/user/queue/session\n\n\x00NONSENSE\n\n\x00")
	poll(`"ERROR\n`)
	poll(`c[1002,"protocol_error"]`)
	end := await(r, 1, any1[*schema.SessionDisconnected])
	if end.Reason != schema.ReasonProtocolError || end.CloseCode != 1002 || end.FramesIn != 3 {
		t.Errorf("disconnected %+v", end)
	}
}

func TestWithoutSockJS(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Root = nil })
	for _, path := range []string{"/sockjs/info", "/sockjs/000/s/xhr", "/sockjs/websocket"} {
		if status, text := r.postSockJS(path, ""); status != http.StatusNotFound {
			t.Error(fmt.Sprint(path, ": ", status, " ", text))
		}
	}
}
