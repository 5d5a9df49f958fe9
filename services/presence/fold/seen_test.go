package fold

import (
	"fmt"
	"testing"

	"rollcall.dev/events/schema"
)

// seen tells what is known of when a user was online last.
func (w *world) seen(user string) string {
	seen, ok := LastSeen(w.store.Snapshot(), user)
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %s %s by %s, told at %d", seen.User, seen.LastSeen.Format("05"), seen.Session, seen.Reason, seen.Cause)
}

func (w *world) wantSeen(user, want string) {
	w.t.Helper()
	if got := w.seen(user); got != want {
		w.t.Fatalf("last seen %q, want %q", got, want)
	}
}

func TestLastSeenIsKnownWhileOffline(t *testing.T) {
	w := newWorld(t, grace)
	w.wantSeen("alice", "")
	w.script("connect a1 E1 -> joined @alice alice", "connect a2 E2 ->", "subscribe a2 room -> joined room alice", "logout a1 ->")
	w.wantSeen("alice", "")
	w.script("drop a2 ->") // the fifth event behind the owner's, at 6 s
	w.wantSeen("alice", "")
	w.script("due a2 -> left @alice alice connection_lost; left room alice connection_lost")
	w.wantSeen("alice", "alice 06 a2 by connection_lost, told at 6")
	w.script("connect a3 E1 -> joined @alice alice")
	w.wantSeen("alice", "")
	w.script("logout a3 -> left @alice alice client_disconnect")
	w.wantSeen("alice", "alice 09 a3 by client_disconnect, told at 8")
	w.sameAgain()
}

// A room that is left while the user stays online says nothing.
func TestLastSeenIsThatOfThePersonalChannel(t *testing.T) {
	w := newWorld(t, grace)
	w.script("connect a1 -> joined @alice alice", "subscribe a1 room -> joined room alice", "unsubscribe a1 room -> left room alice unsubscribed")
	w.wantSeen("alice", "")
}

func TestLastSeenIsAgedOutByTheLog(t *testing.T) {
	w := newWorld(t, grace)
	w.script("connect a1 -> joined @alice alice", "connect b1 -> joined @bob bob",
		"logout a1 -> left @alice alice client_disconnect", "logout b1 -> left @bob bob client_disconnect",
		"age alice ->", "age alice ->")
	w.wantSeen("alice", "")
	w.wantSeen("bob", "bob 05 b1 by client_disconnect, told at 4")
	w.script("age bob ->")
	if left := dump(t, w.store); left != "" {
		t.Fatalf("left behind:\n%s", left)
	}
	w.sameAgain()
}

// The due by which a user was told to have left may stand in the log twice, and
// that of an earlier absence may come late: neither is what the present one
// waits for.
func TestLastSeenIsAgedOutByItsOwnDueOnly(t *testing.T) {
	w := newWorld(t, grace)
	w.script("connect a1 -> joined @alice alice", "drop a1 ->", "due a1 -> left @alice alice connection_lost", "due a1 ->")
	w.wantSeen("alice", "alice 03 a1 by connection_lost, told at 3")
	first, _ := LastSeen(w.store.Snapshot(), "alice")
	w.script("connect a2 -> joined @alice alice", "logout a2 -> left @alice alice client_disconnect")
	for _, d := range []schema.LeaveDue{
		{User: "alice", Session: first.Session, Cause: first.Cause},
		{User: "alice", Session: "a2", Cause: first.Cause},
		{User: "alice", Session: "a1", Cause: 6},
	} {
		w.fromTask(schema.TypeLeaveDue, "alice", &d)
	}
	w.wantSeen("alice", "alice 07 a2 by client_disconnect, told at 6")
}

// Who says goodbye in one tab while another is waited for was seen last at the
// goodbye, whichever hold is the last to end.
func TestLastSeenIsTheLatestOfAllSessions(t *testing.T) {
	for _, test := range []struct {
		name   string
		script []string
		want   string
	}{
		{"a goodbye behind a hold", []string{"drop a1 ->", "logout a2 ->",
			"due a1 -> left @alice alice connection_lost"}, "alice 05 a1 by connection_lost, told at 5"},
		{"a long hold outlives a later, shorter one", []string{"drain a1 ->", "drop a2 ->", "due a2 ->",
			"due a1 -> left @alice alice server_shutdown"}, "alice 05 a1 by server_shutdown, told at 6"},
		{"in order", []string{"drop a1 ->", "drop a2 ->", "due a1 ->",
			"due a2 -> left @alice alice connection_lost"}, "alice 05 a2 by connection_lost, told at 6"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, grace)
			w.script("connect a1 -> joined @alice alice", "connect a2 ->")
			w.script(test.script...)
			w.wantSeen("alice", test.want)
			w.sameAgain()
		})
	}
}
