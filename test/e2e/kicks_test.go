package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// command is what presence says of a command that is in the log.
type command struct {
	Partition int32
	Offset    int64
}

// command sends one to a presence instance: a method and a path below that of
// the user, a body or none, and an idempotency key or none.
func (w *world) command(t *testing.T, instance int, method, user, below, body, key string) command {
	t.Helper()
	addr := w.presence[instance%len(w.presence)]
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+"/v1/users/"+url.PathEscape(user)+below, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	client := http.Client{Timeout: harness.Patience}
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var c command
	if res.StatusCode != http.StatusAccepted || json.Unmarshal(answer, &c) != nil {
		t.Fatalf("%s %s: %s %s", method, below, res.Status, answer)
	}
	return c
}

// kicked waits for the end of a session in the log.
func (w *world) kicked(t *testing.T, c *harness.Client) {
	t.Helper()
	_, d := harness.Of(w.lifecycle, "the end of a kicked session", func(d *schema.SessionDisconnected) bool { return d.Session == c.Session })
	if d.Reason != schema.ReasonKicked || d.Initiator != schema.InitiatorServer {
		t.Errorf("kicked session ended with %+v", d)
	}
}

// endsKicked waits for the end of a subscription, and what its client is told.
func endsKicked(t *testing.T, r *harness.Room) {
	t.Helper()
	if end := r.WaitEnd(); !strings.Contains(end.Body, string(schema.ReasonKicked)) {
		t.Errorf("the client was told %v, want %s", end, schema.ReasonKicked)
	}
}

// kickOneOfTwo: the other session stays, and its user with it; then all are
// kicked, and the user has left, once.
func kickOneOfTwo(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	first, second := harness.Connect(t, w.near, alice), harness.Connect(t, w.far, alice)
	inFirst, inSecond := first.Join(name), second.Join(name)
	inB.WaitMembers(alice, bob)
	at := w.command(t, 0, http.MethodDelete, alice, "/sessions/"+first.Session+"?note=one+too+many", "", "")
	entry, d := harness.Of(w.lifecycle, "the command", func(d *schema.SessionCommand) bool { return d.Session == first.Session })
	if int64(entry.Offset) != at.Offset || int32(entry.Partition) != at.Partition || d.Note != "one too many" || d.User != alice {
		t.Errorf("answered %+v, in the log at %d:%d: %+v", at, entry.Partition, entry.Offset, d)
	}
	endsKicked(t, inFirst)
	w.kicked(t, first)
	second.Send(name, "still here")
	inB.WaitMessage("still here")
	if n := inB.Count("left", alice); n != 0 {
		t.Errorf("left with a session: %v", inB.Told())
	}
	w.command(t, 1, http.MethodDelete, alice, "/sessions", "", "")
	inSecond.WaitEnd()
	inB.WaitLeft(alice)
	once(t, inB, alice, schema.ReasonKicked)
	validate(t, inB)
}

// messageToAUser reaches every session that is subscribed to its queue.
func messageToAUser(t *testing.T, w *world) {
	alice, name := user(t, "alice"), room(t)
	first, second := harness.Connect(t, w.near, alice), harness.Connect(t, w.far, alice)
	queues := []*harness.Room{first.Messages(), second.Messages()}
	first.Join(name) // frames of a connection are handled in order
	second.Join(name)
	w.command(t, 1, http.MethodPost, alice, "/messages", `{"body":"the server restarts at 11:00","content_type":"text/plain"}`, "")
	for _, q := range queues {
		q.WaitMessage("the server restarts at 11:00")
	}
	validate(t, queues...)
}

// scenario35Repeated: a kick that is repeated with its key after
// the legitimate return of its user ends nothing.
func scenario35Repeated(t *testing.T, w *world) {
	alice, name := user(t, "alice"), room(t)
	a := harness.Connect(t, w.near, alice)
	in := a.Join(name)
	w.command(t, 0, http.MethodDelete, alice, "/sessions", "", "key-1")
	in.WaitEnd()
	w.kicked(t, a)
	a = harness.Connect(t, w.far, alice)
	queue := a.Messages()
	in = a.Join(name)
	w.command(t, 1, http.MethodDelete, alice, "/sessions", "", "key-1")
	// What comes after it in the log has been carried out after it.
	w.command(t, 0, http.MethodPost, alice, "/messages", `{"body":"welcome back"}`, "key-2")
	queue.WaitMessage("welcome back")
	a.Send(name, "not kicked")
	in.WaitMessage("not kicked")
	w.command(t, 1, http.MethodDelete, alice, "/sessions", "", "key-3")
	in.WaitEnd()
	w.kicked(t, a)
}

// scenario35Lag: presence stands still when alice comes, and so doesn't know
// her session when it is kicked through another instance. The log does.
func (r *ring) scenario35Lag(t *testing.T) {
	alice := user(t, "alice")
	owner := r.owner(t, schema.KindPresence, r.Presence, harness.Partition(alice, partitionCount))
	other := 0
	if r.Presence[0] == owner {
		other = 1
	}
	owner.Signal(syscall.SIGSTOP)
	a := harness.Connect(t, r.near, alice)
	queue := a.Messages()
	// The client is connected before its beginning is in the log.
	harness.Of(r.lifecycle, "alice's beginning", func(d *schema.SessionConnected) bool { return d.Session == a.Session })
	r.command(t, other, http.MethodDelete, alice, "/sessions", "", "")
	owner.Signal(syscall.SIGCONT)
	endsKicked(t, queue)
	r.kicked(t, a)
}

// scenario35NewEpoch: the edge stands still for longer than its lease when the
// session is kicked, and takes a new epoch when it wakes. The kick is not lost.
func (r *ring) scenario35NewEpoch(t *testing.T) {
	alice := user(t, "alice")
	a := harness.Connect(t, r.near, alice)
	queue := a.Messages()
	harness.Of(r.lifecycle, "alice's beginning", func(d *schema.SessionConnected) bool { return d.Session == a.Session })
	r.Edges[0].Signal(syscall.SIGSTOP)
	r.command(t, 0, http.MethodDelete, alice, "/sessions", "", "")
	harness.Of(r.lifecycle, "the end of its lease", func(d *schema.SessionDisconnected) bool {
		return d.Session == a.Session && d.Reason == schema.ReasonEdgeLost
	})
	r.Edges[0].Signal(syscall.SIGCONT)
	endsKicked(t, queue)
	r.Edges[0].Ready(r.Edges[0].Ops)
}
