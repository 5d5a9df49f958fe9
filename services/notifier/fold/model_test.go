package fold

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

var (
	edges    = []string{"E1", "E2", "E3"}
	channels = []string{"room", "hall"}
	users    = []string{"alice", "bob", "carol", "dave"}
)

// model is the naive truth beside a world: rosters as the log says, and the
// caches of the edges that asked.
type model struct {
	*world
	rt      *rapid.T
	rosters map[string]map[string]schema.Meta
	epochs  map[string]int64
	request int64
	caches  map[string]*cache // by edge and channel
}

func (m *model) cacheKey(edge, channel string) string { return edge + " " + channel }

// deliver gives entries to the caches of their epochs.
func (m *model) deliver(outputs []stream.Output) {
	for _, out := range outputs {
		c := m.caches[m.cacheKey(out.Mailbox.Edge, out.Mailbox.Entry.Channel)]
		if c == nil || out.Mailbox.Epoch != m.epochs[out.Mailbox.Edge] {
			m.rt.Fatalf("told an edge that isn't interested: %s", inWords(m.rt, out))
		}
		c.take(m.rt, out.Mailbox.Entry)
	}
}

func (m *model) presence(channel, user string) {
	roster := m.rosters[channel]
	meta := rapid.SampledFrom([]schema.Meta{nil, {"nick": "x"}, {"nick": "y"}}).Draw(m.rt, "meta")
	if _, here := roster[user]; !here {
		roster[user] = meta
		m.deliver(m.joined(channel, user, meta))
		return
	}
	switch rapid.IntRange(0, 3).Draw(m.rt, "change") {
	case 0:
		roster[user] = meta
		m.deliver(m.updated(channel, user, meta))
	case 1: // a repeat
		roster[user] = meta
		m.deliver(m.joined(channel, user, meta))
	default:
		delete(roster, user)
		m.deliver(m.left(channel, user))
	}
}

func (m *model) forget(edge string) {
	for _, channel := range channels {
		delete(m.caches, m.cacheKey(edge, channel))
	}
}

func (m *model) step() {
	channel := rapid.SampledFrom(channels).Draw(m.rt, "channel")
	edge := rapid.SampledFrom(edges).Draw(m.rt, "edge")
	user := rapid.SampledFrom(users).Draw(m.rt, "user")
	switch n := rapid.IntRange(0, 12).Draw(m.rt, "step"); {
	case n <= 5:
		m.presence(channel, user)
	case n <= 7:
		m.request++
		c := &cache{}
		c.ask(m.request)
		m.caches[m.cacheKey(edge, channel)] = c
		m.deliver(m.interested(channel, edge, m.epochs[edge], m.request))
	case n == 8:
		delete(m.caches, m.cacheKey(edge, channel))
		m.deliver(m.uninterested(channel, edge, m.epochs[edge]))
	case n == 9:
		m.deliver(m.message(channel, "x"))
	case n == 10:
		m.deliver(m.left(channel, "nobody"))
	case n == 11:
		m.forget(edge)
		m.deliver(m.expired(edge, m.epochs[edge]))
		m.epochs[edge]++
	default:
		m.forget(edge)
		m.epochs[edge]++
		m.deliver(m.started(edge, m.epochs[edge]))
	}
}

// check: at every version, snapshot and changes make the roster.
func (m *model) check() {
	for _, edge := range edges {
		for _, channel := range channels {
			c := m.caches[m.cacheKey(edge, channel)]
			if c != nil && (!c.filled || !c.holds(m.rosters[channel])) {
				m.rt.Fatalf("offset %d: %s sees %v in %s, want %v", m.offset-1, edge, c.members, channel, m.rosters[channel])
			}
		}
	}
	for _, channel := range channels {
		count := 0
		if e, ok := m.store.Snapshot().Get(channelKey(channel)); ok {
			count = e.(*Channel).Count
		}
		if count != len(m.rosters[channel]) {
			m.rt.Fatalf("count of %s is %d, want %d", channel, count, len(m.rosters[channel]))
		}
	}
}

func TestScenario22SnapshotAndChangesMakeTheRoster(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{world: newWorld(rt), rt: rt, epochs: map[string]int64{"E1": 1, "E2": 1, "E3": 1},
			rosters: map[string]map[string]schema.Meta{"room": {}, "hall": {}}, caches: map[string]*cache{}}
		for range rapid.IntRange(1, 100).Draw(rt, "steps") {
			m.step()
			m.check()
		}
		m.sameAgain()
		m.survivesItsChangelog()
	})
}

// sameAgain steps two machines through the log as it stands in Kafka: the
// same outputs under the same stamps.
func (w *world) sameAgain() {
	first, second := stream.NewMachine(New(), partition), stream.NewMachine(New(), partition)
	for _, rec := range w.records {
		a, b := first.Step(rec), second.Step(rec)
		if a.Verdict == stream.Poison || !reflect.DeepEqual(a.Outputs, b.Outputs) {
			w.t.Fatalf("offset %d: %v %v, then %+v", rec.Offset, a.Verdict, a.Err, b)
		}
	}
}

func (w *world) survivesItsChangelog() {
	for key, e := range w.store.Snapshot().Scan("") {
		value, err := New().Encode(nil, key, e)
		if err != nil {
			w.t.Fatal(err)
		}
		again, err := New().Decode(key, value)
		if err != nil {
			w.t.Fatal(err)
		}
		twice, _ := New().Encode(nil, key, again)
		if string(twice) != string(value) || !slices.Equal(New().Index(key, e), New().Index(key, again)) {
			w.t.Fatalf("%q: %s decodes to %s", key, value, twice)
		}
	}
}

func TestDecodeRefusesWhatItDoesNotKnow(t *testing.T) {
	for key, value := range map[string]string{join("x", "room"): "{}", join(kindMember, "room", "a"): "no JSON", "": "{}"} {
		if e, err := New().Decode(key, []byte(value)); err == nil {
			t.Errorf("%q %s decodes to %+v", key, value, e)
		}
	}
}

func TestKeysKeepTheirPartsApart(t *testing.T) {
	parts := []string{"", "a", "b", "\x00", "\x01", "a\x00", "\x01\x02", "a\x00b"}
	seen := map[string]string{}
	for _, a := range parts {
		for _, b := range parts {
			key, name := join(a, b), fmt.Sprintf("%q %q", a, b)
			if other, taken := seen[key]; taken {
				t.Errorf("%s and %s have one key", name, other)
			}
			seen[key] = name
		}
	}
}

func mustMarshal(t tester, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
