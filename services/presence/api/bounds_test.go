package api

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	streamfold "rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/services/presence/fold"
)

// Who does all that a client can to be large makes no large answer. How many
// sessions there are is said nonetheless.
func TestAnAnswerIsBounded(t *testing.T) {
	const sessions = 200
	m := streamfold.NewMachine(fold.New(), 0)
	for i := range sessions {
		d := &schema.SessionConnected{Ref: ref("bot", fmt.Sprintf("s%03d", i)), Meta: schema.Meta{"m": strings.Repeat("x", 4000)}}
		for j := range 256 {
			d.Subscriptions = append(d.Subscriptions, schema.Subscription{ID: fmt.Sprint(j), Channel: fmt.Sprintf("%d.%s", j, strings.Repeat("x", 100)),
				Destination: strings.Repeat("x", 110), Role: schema.RoleWatcher})
		}
		stamp := schema.Stamp{Source: schema.EdgeSource("edge-0", 1), Sequence: schema.Sequence{Offset: int64(i + 1)}}
		_, value, err := schema.Encode(schema.TypeSessionConnected, "bot", schema.At(time.Now()), stamp, schema.TopicLifecycle, 0, d)
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Step(streamfold.Record{Offset: int64(i), Key: []byte("bot"), Value: value}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	b := budget(answerBytes)
	u := userOf(stream.View{Snapshot: m.Snapshot()}, "bot", &b)
	body, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	if u.Count != sessions || !u.Truncated || len(u.Sessions.Sessions) == 0 || len(u.Sessions.Sessions) == sessions || u.Status != online {
		t.Errorf("%d of %d sessions are named, truncated %v", len(u.Sessions.Sessions), u.Count, u.Truncated)
	}
	if n := len(body); n > answerBytes || n < answerBytes/2 {
		t.Errorf("the answer has %d bytes, at most %d were to be used", n, answerBytes)
	}
	after := userOf(stream.View{Snapshot: m.Snapshot()}, "bot", &b)
	if after.Count != sessions || len(after.Sessions.Sessions) > 0 || !after.Truncated {
		t.Errorf("a second one in the same answer names %d of %d sessions", len(after.Sessions.Sessions), after.Count)
	}
}

// A reader who takes a large answer slowly, or not at all, holds up nobody: the
// fold goes on, and others are answered. Run with -race.
func TestASlowReaderDoesNotHoldUpTheFold(t *testing.T) {
	const users = 150 // of 50 kB each: more than sockets buffer
	r := newRig(t, "presence-0")
	var ids []string
	for i := range users {
		ids = append(ids, fmt.Sprintf("user-%d", i))
		r.log.Write(schema.TypeSessionConnected, ids[i], &schema.SessionConnected{Ref: ref(ids[i], "s1"), Meta: schema.Meta{"m": strings.Repeat("x", 50_000)}})
	}
	r.eventually("/v1/users/"+ids[users-1], func(u User) bool { return u.Status == online })

	slow, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.hosts[0].Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	if err := slow.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	body := batchOf(ids).body
	if _, err := fmt.Fprintf(slow, "POST /v1/users:batchGet HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", adminToken, len(body), body); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(slow, make([]byte, 1000)); err != nil { // it has begun
		t.Fatal(err)
	}
	for i, id := range ids {
		r.log.Write(schema.TypeSessionUpdated, id, &schema.SessionUpdated{Ref: ref(id, "s1"), Meta: schema.Meta{"m": fmt.Sprint(i)}})
		if i%10 == 0 {
			r.eventually("/v1/users/"+id, func(u User) bool { return u.Sessions.Sessions[0].Meta["m"] == fmt.Sprint(i) })
		}
	}
	// What the slow one gets is the state of its question, whole.
	if err := slow.SetReadDeadline(time.Now().Add(hosttest.Limit)); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(slow, "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(slow)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(rest), strings.Repeat("x", 50_000)); n < len(ids)-1 {
		t.Errorf("the slow reader got %d users as they were, want %d", n, len(ids))
	}
	var batch Batch
	if r.do(t, r.urls[0], batchOf(ids), &batch); len(batch.Users) != len(ids) || batch.Users[users-1].Sessions.Sessions[0].Meta["m"] != fmt.Sprint(users-1) {
		t.Error("a later reader doesn't get what was folded since")
	}
}
