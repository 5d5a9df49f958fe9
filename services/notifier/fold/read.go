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

// Count is the number of a channel's members.
func Count(r Reader, channel string) int {
	if e, ok := r.Get(channelKey(channel)); ok {
		return e.(*Channel).Count
	}
	return 0
}

// Roster yields a channel's members in the order of their ids.
func Roster(r Reader, channel string) iter.Seq[schema.Member] {
	return func(yield func(schema.Member) bool) {
		for _, e := range r.Scan(join(kindMember, channel)) {
			if !yield(e.(*Member).Member) {
				return
			}
		}
	}
}

// LastSeen is when the user of an empty personal channel was there last, if the
// log goes back that far; zero if not.
func LastSeen(r Reader, channel string) schema.Time {
	if e, ok := r.Get(seenKey(channel)); ok {
		return e.(*Seen).LastSeen
	}
	return schema.Time{}
}
