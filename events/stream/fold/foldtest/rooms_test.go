package foldtest_test

import (
	"testing"

	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/fold/foldtest"
	"rollcall.dev/events/stream/internal/rooms"
)

func TestRoomsKeepEveryField(t *testing.T) {
	foldtest.Codec(t, rooms.Fold{}, map[string]foldtest.Kind{"session": {
		New: func() fold.Entity { return new(rooms.Session) },
		Key: func(e fold.Entity) string { return rooms.Key(e.(*rooms.Session).User, e.(*rooms.Session).Session) },
	}})
}
