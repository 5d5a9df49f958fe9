package fold

import (
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

var seenAt = schema.At(time.Date(2026, 11, 20, 9, 59, 0, 5_000_000, time.UTC))

// gone says that a user has left their personal channel.
func (w *world) gone(user string) {
	w.expect(w.add(schema.TypePresenceLeft, schema.Personal(user), false, &schema.PresenceLeft{
		Channel: schema.Personal(user), User: user, Reason: schema.ReasonConnectionLost, LastSeen: seenAt}), "")
}

func (w *world) lastSeen(user string) schema.Time {
	w.t.Helper()
	state := decode[schema.ChannelState](w.t, w.interested(schema.Personal(user), "E1", 1, 1)[0].Mailbox.Entry.Data)
	w.uninterested(schema.Personal(user), "E1", 1)
	if at := LastSeen(w.store.Snapshot(), schema.Personal(user)); at != state.LastSeen {
		w.t.Fatalf("the state says %v, a reader %v", state.LastSeen, at)
	}
	return state.LastSeen
}

func TestTheStateOfAnEmptyPersonalChannelSaysWhoWasSeenLast(t *testing.T) {
	w := newWorld(t)
	if at := w.lastSeen("alice"); !at.IsZero() {
		t.Errorf("never seen, and yet at %v", at)
	}
	w.joined("@alice", "alice", nil)
	if at := w.lastSeen("alice"); !at.IsZero() {
		t.Errorf("online, and last seen at %v", at)
	}
	w.gone("alice")
	if at := w.lastSeen("alice"); at != seenAt {
		t.Errorf("last seen at %v, want %v", at, seenAt)
	}
	w.joined("@alice", "alice", nil)
	if at := w.lastSeen("alice"); !at.IsZero() {
		t.Errorf("back, and last seen at %v", at)
	}
	w.sameAgain()
	w.survivesItsChangelog()
}

func TestOnlyPersonalChannelsKeepWhoWasSeenLast(t *testing.T) {
	w := newWorld(t)
	w.joined("room", "alice", nil)
	w.left("room", "alice")
	w.joined("@bob", "alice", nil) // nobody's doing but a writer's of its own
	w.left("@bob", "alice")
	if n := w.store.Snapshot().Len(); n != 0 {
		t.Errorf("%d entities are left", n)
	}
}

func TestLastSeenIsAgedOutByTheLog(t *testing.T) {
	w := newWorld(t)
	w.joined("@alice", "alice", nil)
	w.gone("alice") // at offset 1
	due := func(user string, cause int64) {
		w.expect(w.add(schema.TypeLeaveDue, user, false, &schema.LeaveDue{User: user, Cause: cause}), "")
	}
	due("alice", 0) // of an absence before
	due("bob", 1)
	if at := w.lastSeen("alice"); at != seenAt {
		t.Errorf("last seen at %v, want %v", at, seenAt)
	}
	for key, e := range w.store.Snapshot().Scan("") {
		if d, ok := New().Due(key, e); !ok || !d.Aged || d.User != "alice" || d.Cause != 1 {
			t.Errorf("%q waits for %+v", key, d)
		}
	}
	due("alice", 1)
	due("alice", 1)
	if n := w.store.Snapshot().Len(); n != 0 {
		t.Errorf("%d entities are left", n)
	}
}
