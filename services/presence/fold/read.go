package fold

import (
	"iter"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// Reader is a state that is read beside the fold, such as a stream.Snapshot.
type Reader interface {
	Get(key string) (stream.Entity, bool)
	Scan(prefix string) iter.Seq2[string, stream.Entity]
}

// Sessions are the live ones of a user, in the order of their ids.
func Sessions(r Reader, user string) []*Session {
	var all []*Session
	for _, e := range r.Scan(join(kindSession, user)) {
		all = append(all, e.(*Session))
	}
	return all
}

// Memberships are the channels in which a user was told to be, sorted; the
// personal one is there while the user is online.
func Memberships(r Reader, user string) []*Membership {
	var all []*Membership
	for _, e := range r.Scan(join(kindMembership, user)) {
		all = append(all, e.(*Membership))
	}
	return all
}

// Online is the user's membership of the personal channel, if there is one: a
// session is live, or a place is held for its return.
func Online(r Reader, user string) (*Membership, bool) {
	e, ok := r.Get(membershipKey(user, schema.Personal(user)))
	if !ok {
		return nil, false
	}
	return e.(*Membership), true
}

// LastSeen is when a user who is offline was online last, if the log goes back
// that far.
func LastSeen(r Reader, user string) (*Seen, bool) {
	e, ok := r.Get(seenKey(user))
	if !ok {
		return nil, false
	}
	return e.(*Seen), true
}
