package harness

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/go-stomp/stomp/v3"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
)

// Told is one thing that a client was told of a room.
type Told struct {
	What    string // state, joined, updated, left, message, end, or error
	User    string
	Reason  schema.Reason // of left
	Body    string        // of message, why it ended, or what is wrong
	Version schema.Version
}

func (t Told) String() string {
	return fmt.Sprintf("%s %s %s%s %s", t.What, t.User, t.Reason, t.Body, t.Version)
}

// Room is what one client knows of one room, and how it came to know it.
type Room struct {
	Channel string
	owner   string
	t       testing.TB
	sub     *stomp.Subscription

	mu      sync.Mutex
	members map[string]schema.Member
	told    []Told
	raw     [][]byte // bodies as received
}

func newRoom(t testing.TB, channel, owner string, sub *stomp.Subscription) *Room {
	return &Room{Channel: channel, owner: owner, t: t, sub: sub, members: map[string]schema.Member{}}
}

// follow reads the subscription until it ends, with the connection.
func (r *Room) follow() {
	for msg := range r.sub.C {
		if msg.Err != nil {
			r.note(Told{What: "end", Body: msg.Err.Error()})
			continue
		}
		r.mu.Lock()
		r.raw = append(r.raw, msg.Body)
		r.mu.Unlock()
		r.apply(msg.Body)
	}
}

func (r *Room) note(told ...Told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, told...)
}

func (r *Room) apply(body []byte) {
	var head struct{ Type string }
	_ = json.Unmarshal(body, &head)
	switch head.Type {
	case schema.ClientPresenceState:
		r.applyState(body)
	case schema.ClientPresenceDiff:
		r.applyDiff(body)
	case schema.ClientMessage:
		var m schema.Message
		_ = json.Unmarshal(body, &m)
		r.note(Told{What: "message", User: m.User, Body: m.Body})
	case schema.ClientSessionClosing, schema.ClientUnsubscribed:
		r.note(Told{What: head.Type, Body: string(body)})
	default:
		r.note(Told{What: "error", Body: string(body)})
	}
}

func (r *Room) applyState(body []byte) {
	var s schema.PresenceState
	_ = json.Unmarshal(body, &s)
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.members)
	for _, m := range s.Members {
		r.members[m.User] = m
	}
	if s.Count != len(r.members) {
		r.told = append(r.told, Told{What: "error", Body: "count isn't that of the members: " + string(body)})
	}
	r.told = append(r.told, Told{What: "state", Version: s.Version})
}

// applyDiff applies leaves first: a user in left and joined has come back.
func (r *Room) applyDiff(body []byte) {
	var d schema.PresenceDiff
	_ = json.Unmarshal(body, &d)
	r.mu.Lock()
	defer r.mu.Unlock()
	wrong := func(what, user string) {
		r.told = append(r.told, Told{What: "error", User: user, Body: what + ": " + string(body)})
	}
	for _, l := range d.Left {
		if _, here := r.members[l.User]; !here {
			wrong("left, but wasn't there", l.User)
		}
		delete(r.members, l.User)
		r.told = append(r.told, Told{What: "left", User: l.User, Reason: l.Reason, Version: d.Version})
	}
	for _, m := range d.Joined {
		if _, here := r.members[m.User]; here {
			wrong("joined, but was there", m.User)
		}
		r.members[m.User] = m
		r.told = append(r.told, Told{What: "joined", User: m.User, Version: d.Version})
	}
	for _, m := range d.Updated {
		r.members[m.User] = m
		r.told = append(r.told, Told{What: "updated", User: m.User, Version: d.Version})
	}
	if d.Count != len(r.members) {
		wrong(fmt.Sprintf("count is %d, members are %d", d.Count, len(r.members)), "")
	}
}

// Told is all that the client was told so far, in order.
func (r *Room) Told() []Told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

// Raw are the bodies of all MESSAGE frames so far.
func (r *Room) Raw() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.raw)
}

// Members are the users in the roster, sorted.
func (r *Room) Members() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.members))
}

// Member is what the client knows of a user in the room.
func (r *Room) Member(user string) schema.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.members[user]
}

// WaitMember waits until what is said of a user is right.
func (r *Room) WaitMember(user string, right func(schema.Member) bool) {
	r.t.Helper()
	retry.Eventually(r.t, Patience, func() error {
		if m := r.Member(user); !right(m) {
			return fmt.Errorf("%+v is what is seen of %s in %s", m, user, r.Channel)
		}
		return nil
	})
}

func (r *Room) waitState() {
	r.t.Helper()
	retry.Eventually(r.t, Patience, func() error {
		if len(r.Told()) == 0 {
			return fmt.Errorf("%s has no roster of %s", r.owner, r.Channel)
		}
		return nil
	})
}

// WaitMembers waits until the roster is exactly this.
func (r *Room) WaitMembers(users ...string) {
	r.t.Helper()
	slices.Sort(users)
	retry.Eventually(r.t, Patience, func() error {
		if got := r.Members(); !slices.Equal(got, users) {
			return fmt.Errorf("%s sees %v in %s, want %v; was told %v", r.owner, got, r.Channel, users, r.Told())
		}
		return nil
	})
}

// WaitLeft waits until the client is told that a user left, and returns how.
func (r *Room) WaitLeft(user string) Told {
	r.t.Helper()
	return r.wait(fmt.Sprintf("left of %s", user), func(t Told) bool { return t.What == "left" && t.User == user })
}

// WaitMessage waits for a message.
func (r *Room) WaitMessage(body string) Told {
	r.t.Helper()
	return r.wait(fmt.Sprintf("message %q", body), func(t Told) bool { return t.What == "message" && t.Body == body })
}

func (r *Room) wait(what string, is func(Told) bool) (found Told) {
	r.t.Helper()
	retry.Eventually(r.t, Patience, func() error {
		told := r.Told()
		i := slices.IndexFunc(told, is)
		if i < 0 {
			return fmt.Errorf("%s got no %s in %s; was told %v", r.owner, what, r.Channel, told)
		}
		found = told[i]
		return nil
	})
	return found
}

// Count is how often the client was told this of a user.
func (r *Room) Count(what, user string) (n int) {
	for _, t := range r.Told() {
		if t.What == what && t.User == user {
			n++
		}
	}
	return n
}

// Check fails the test if anything the client was told contradicts what it had
// been told before, or comes out of order.
func (r *Room) Check() {
	r.t.Helper()
	for _, problem := range r.problems() {
		r.t.Errorf("%s in %s: %s", r.owner, r.Channel, problem)
	}
}

func (r *Room) problems() (found []string) {
	var last schema.Version
	for _, t := range r.Told() {
		switch {
		case t.What == "error":
			found = append(found, t.String())
		case t.What == "message" || t.What == "end":
		case t.Version.Partition == last.Partition && t.Version.Offset < last.Offset:
			found = append(found, fmt.Sprintf("version %s came after %s", t.Version, last))
		default:
			last = t.Version
		}
	}
	return found
}

// WaitNotice waits for the n-th notice of a type.
func (r *Room) WaitNotice(event string, n int) Told {
	r.t.Helper()
	var found Told
	retry.Eventually(r.t, Patience, func() error {
		left := n
		for _, found = range r.Told() {
			if found.What == event {
				left--
			}
			if left == 0 {
				return nil
			}
		}
		return fmt.Errorf("%s got %d %s of %d; was told %v", r.owner, n-left, event, n, r.Told())
	})
	return found
}

// WaitEnd waits until the subscription ends, as with the ERROR frame before the
// server closes.
func (r *Room) WaitEnd() Told {
	r.t.Helper()
	return r.wait("end", func(t Told) bool { return t.What == "end" })
}
