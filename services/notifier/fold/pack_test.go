package fold

import (
	"testing"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/fold/foldtest"
)

func TestEntitiesKeepEveryField(t *testing.T) {
	foldtest.Codec(t, New(), map[string]foldtest.Kind{
		"member": {
			New: func() stream.Entity { return new(Member) },
			Key: func(e stream.Entity) string { return memberKey("room", e.(*Member).User) },
		},
		"channel": {
			New: func() stream.Entity { return new(Channel) },
			Key: func(e stream.Entity) string { return channelKey(e.(*Channel).Name) },
		},
		"interest": {
			New: func() stream.Entity { return new(Interest) },
			Key: func(e stream.Entity) string { return interestKey(e.(*Interest).Channel, e.(*Interest).Edge) },
		},
		"seen": {
			New: func() stream.Entity { return new(Seen) },
			Key: func(e stream.Entity) string { return seenKey(schema.Personal(e.(*Seen).User)) },
		},
	})
}
