package fold

import (
	"testing"

	stream "rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/fold/foldtest"
)

func TestEntitiesKeepEveryField(t *testing.T) {
	foldtest.Codec(t, New(), map[string]foldtest.Kind{
		"session": {
			New: func() stream.Entity { return new(Session) },
			Key: func(e stream.Entity) string { return sessionKey(e.(*Session).User, e.(*Session).ID) },
		},
		"hold": {
			New: func() stream.Entity { return new(Hold) },
			Key: func(e stream.Entity) string { return holdKey(e.(*Hold)) },
		},
		"membership": {
			New: func() stream.Entity { return new(Membership) },
			Key: func(e stream.Entity) string { return membershipKey(e.(*Membership).User, e.(*Membership).Channel) },
		},
		"seen": {
			New: func() stream.Entity { return new(Seen) },
			Key: func(e stream.Entity) string { return seenKey(e.(*Seen).User) },
		},
		"kicked": {
			New: func() stream.Entity { return new(Kicked) },
			Key: func(e stream.Entity) string { return kickedKey(e.(*Kicked).User, e.(*Kicked).Session) },
		},
		"command": {
			New: func() stream.Entity { return new(Command) },
			Key: func(stream.Entity) string { return commandKey(7) },
		},
		"counter": {
			New: func() stream.Entity { return new(Counter) },
			Key: func(stream.Entity) string { return counterKey },
		},
	})
}
