package roster

import (
	"encoding/json"
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

var seenAt = schema.At(time.Date(2026, 11, 20, 10, 0, 0, 5_000_000, time.UTC))

// online is a cache of a user's personal channel, and what is under way to it.
type online struct {
	t      *testing.T
	r      *Roster
	offset int64
}

func (o *online) apply(data any) []Output {
	o.offset++
	return o.r.Apply(nil, Entry{Version: schema.Version{Offset: o.offset}, Data: data})
}

func (o *online) state(request int64, seen schema.Time, joined ...int64) []Output {
	s := &schema.ChannelState{Request: request, Parts: 1, LastSeen: seen}
	for _, at := range joined {
		s.Members = append(s.Members, schema.ChannelMember{Member: schema.Member{User: "alice"}, Joined: at})
	}
	return o.apply(s)
}

func (o *online) want(count int, seen schema.Time) {
	o.t.Helper()
	var s schema.PresenceState
	if err := json.Unmarshal(o.r.Snapshot(false), &s); err != nil {
		o.t.Fatalf("%s: %v", o.r.Snapshot(false), err)
	}
	if s.Count != count || s.LastSeen != seen {
		o.t.Fatalf("%s, want %d members and last seen %v", o.r.Snapshot(false), count, seen)
	}
}

func TestASnapshotOfWhoIsOfflineSaysWhenTheyWereSeenLast(t *testing.T) {
	o := &online{t: t, r: New("@alice", 1, wide)}
	o.state(1, seenAt)
	o.want(0, seenAt)
	o.apply(&schema.PresenceJoined{Channel: "@alice", User: "alice"})
	o.want(1, schema.Time{})
	later := schema.At(seenAt.Add(time.Minute))
	o.apply(&schema.PresenceLeft{Channel: "@alice", User: "alice", LastSeen: later})
	o.want(0, later)
	o.r.Ask(2)
	o.state(2, schema.Time{}) // aged out
	o.want(0, schema.Time{})
}

// A newer state knows no reason of a departure, but when the user was there last.
func TestADepartureInAnOutageSaysWhenTheyWereSeenLast(t *testing.T) {
	o := &online{t: t, r: New("@alice", 1, wide)}
	o.state(1, schema.Time{}, 1)
	o.want(1, schema.Time{})
	o.r.Ask(2)
	var d schema.PresenceDiff
	if err := json.Unmarshal(o.state(2, seenAt)[0].Body, &d); err != nil || len(d.Left) != 1 || d.Left[0].LastSeen != seenAt {
		t.Fatalf("%+v %v", d, err)
	}
	o.want(0, seenAt)
}

func TestARoomSaysNothingOfWhoWasSeenLast(t *testing.T) {
	o := &online{t: t, r: New("room", 1, wide)}
	o.state(1, schema.Time{}, 1)
	o.apply(&schema.PresenceLeft{Channel: "room", User: "alice", LastSeen: seenAt})
	o.want(0, schema.Time{})
}
