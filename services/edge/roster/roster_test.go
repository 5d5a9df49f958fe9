package roster

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

var wide = Limits{Members: 1000, Bytes: 1 << 20}

// room is a truth, a cache of it and one subscriber from the start.
type room struct {
	t    *testing.T
	tr   *truth
	r    *Roster
	subs []*client
}

func newRoom(t *testing.T, limits Limits) *room {
	m := &room{t: t, tr: newTruth(), r: New("room", 1, limits)}
	m.subscribe()
	return m
}

func (m *room) subscribe() *client {
	c := newClient(m.tr, m.r)
	m.subs = append(m.subs, c)
	return c
}

func (m *room) apply(entries ...Entry) []Output {
	m.t.Helper()
	out := m.r.Apply(nil, entries...)
	for i, c := range m.subs {
		if err := c.take(out); err != nil {
			m.t.Fatalf("subscriber %d: %v", i, err)
		}
	}
	return out
}

func (m *room) expect(c *client, want ...string) {
	m.t.Helper()
	if !slices.Equal(c.got, want) {
		m.t.Fatalf("got %v, want %v", c.got, want)
	}
}

func TestNothingBeforeTheState(t *testing.T) {
	m := newRoom(t, wide)
	if out := m.apply(m.tr.join("alice"), m.tr.message()); len(out) != 0 || m.r.Live() || m.r.Settled() {
		t.Fatalf("an empty cache told %v", out)
	}
	m.apply(m.tr.state(1, 1)...)
	if !m.r.Live() || !m.r.Settled() || m.r.Count() != 1 {
		t.Fatal("not live after its state")
	}
	m.apply(m.tr.leave("alice"))
	m.expect(m.subs[0], "state", "left alice")
}

func TestChangesContainedInTheStateAreNotToldAgain(t *testing.T) {
	m := newRoom(t, wide)
	join, leave := m.tr.join("alice"), m.tr.leave("alice")
	m.apply(m.tr.state(1, 1)...)
	if out := m.apply(join, leave); len(out) != 0 {
		t.Fatalf("told %d times again", len(out))
	}
}

func TestOneWindowIsOneDiff(t *testing.T) {
	m := newRoom(t, wide)
	m.tr.join("alice")
	m.tr.join("bob")
	m.apply(m.tr.state(1, 1)...)
	out := m.apply(m.tr.leave("alice"), m.tr.join("carol"), m.tr.update("bob"), m.tr.join("alice"))
	if len(out) != 1 || out[0].Kind != Diff || out[0].Version.Offset != m.tr.end() {
		t.Fatalf("%d outputs, want one diff", len(out))
	}
}

func TestJoinAndLeaveInOneWindowAreTwoDiffs(t *testing.T) {
	m := newRoom(t, wide)
	m.apply(m.tr.state(1, 1)...)
	out := m.apply(m.tr.join("alice"), m.tr.leave("alice"), m.tr.join("alice"), m.tr.leave("alice"))
	if len(out) != 3 { // joined; left+joined; left
		t.Fatalf("%d diffs, want 3", len(out))
	}
	if n := m.subs[0].left["alice"]; n != 2 {
		t.Fatalf("told %d departures of 2", n)
	}
}

func TestMessagesKeepTheirPlaceBetweenChanges(t *testing.T) {
	m := newRoom(t, wide)
	m.apply(m.tr.state(1, 1)...)
	out := m.apply(m.tr.join("alice"), m.tr.message(), m.tr.leave("alice"))
	var kinds []Kind
	for _, o := range out {
		kinds = append(kinds, o.Kind)
	}
	if !slices.Equal(kinds, []Kind{Diff, Message, Diff}) {
		t.Fatalf("kinds %v", kinds)
	}
	if body := string(out[1].Body); !strings.Contains(body, `"type":"message"`) || !strings.Contains(body, `"id":"id-3"`) {
		t.Fatalf("message %s", body)
	}
}

// State under way, interest withdrawn and renewed.
func TestScenario25AnOldAnswerDoesNotFillANewCache(t *testing.T) {
	tr := newTruth()
	tr.join("ghost")
	old := tr.state(1, 1)
	leave := tr.leave("ghost")
	tr.append(nil) // uninterested
	r := New("room", 2, wide)
	if out := r.Apply(nil, append(old, leave)...); len(out) != 0 || r.Live() {
		t.Fatal("a state for the former cache was taken")
	}
	out := r.Apply(nil, tr.state(2, 1)...)
	if len(out) != 1 || out[0].Kind != Ready || r.Count() != 0 {
		t.Fatalf("own answer not taken: %v", out)
	}
}

// Cut off, members leave, return, leave; each subscriber is told
// each departure once, as one difference.
func TestScenario24AnOutageIsToldAsOneDifference(t *testing.T) {
	m := newRoom(t, wide)
	for _, u := range []string{"stays", "leaves", "returns", "changes"} {
		m.tr.join(u)
	}
	m.apply(m.tr.state(1, 1)...)
	first := m.subs[0]
	m.tr.leave("leaves")
	m.tr.leave("returns")
	m.tr.join("returns")
	m.tr.leave("returns")
	m.tr.join("returns")
	m.tr.join("visitor")
	m.tr.leave("visitor")
	m.tr.join("new")
	m.tr.update("changes")
	m.r.Ask(2)
	if m.r.Settled() || !m.r.Live() {
		t.Fatal("a live cache that asks again goes on, unsettled")
	}
	late := m.subscribe() // is served from the cache meanwhile
	out := m.apply(m.tr.state(2, 2)...)
	if len(out) != 1 || !m.r.Settled() {
		t.Fatalf("%d outputs, want one difference", len(out))
	}
	m.expect(first, "state", "left leaves", "left returns")
	m.expect(late, "state", "left leaves", "left returns")
	m.apply(m.tr.leave("returns"))
	m.expect(first, "state", "left leaves", "left returns", "left returns")
}

func TestDifferenceOfUnchangedStatesIsNothing(t *testing.T) {
	m := newRoom(t, wide)
	m.tr.join("alice")
	m.apply(m.tr.state(1, 1)...)
	m.r.Ask(2)
	if out := m.apply(m.tr.state(2, 1)...); len(out) != 0 {
		t.Fatalf("told %s", out[0].Body)
	}
	if m.r.Version().Offset != m.tr.end() {
		t.Fatal("the version didn't follow")
	}
}

// The edge's half.
func TestScenario28StateInParts(t *testing.T) {
	m := newRoom(t, wide)
	for i := range 7 {
		m.tr.join(fmt.Sprint("u", i))
	}
	parts := m.tr.state(1, 3)
	m.apply(parts[0])
	m.apply(parts[1])
	if m.r.Live() {
		t.Fatal("live on two of three parts")
	}
	m.apply(parts[2])
	if m.r.Count() != 7 {
		t.Fatalf("%d members", m.r.Count())
	}
}

func TestPartsThatDoNotFitAreDropped(t *testing.T) {
	tr := newTruth()
	tr.join("alice")
	tr.join("bob")
	a, b := tr.state(1, 2), tr.state(2, 2)
	for _, order := range [][]Entry{{a[1]}, {a[0], b[1]}, {a[0], b[0], a[1]}, {a[1], a[0]}} {
		r := New("room", 1, wide)
		r.Ask(2)
		if out := r.Apply(nil, order...); len(out) != 0 || r.Live() {
			t.Fatal("half a state was taken")
		}
		r.Apply(nil, b...)
		if !r.Live() || r.Count() != 2 || !r.Settled() {
			t.Fatal("the whole state after it wasn't")
		}
	}
}

func TestStateOfALaterRequestSettlesEarlierOnes(t *testing.T) {
	tr := newTruth()
	r := New("room", 1, wide)
	r.Ask(2)
	r.Apply(nil, tr.state(1, 1)...)
	if !r.Live() || r.Settled() {
		t.Fatal("the first answer serves, but the second is still due")
	}
	r.Apply(nil, tr.state(2, 1)...)
	if !r.Settled() {
		t.Fatal("not settled")
	}
}

func TestRosterAboveTheLimit(t *testing.T) {
	m := newRoom(t, Limits{Members: 3, Bytes: 1 << 20})
	for i := range 3 {
		m.tr.join(fmt.Sprint("u", i))
	}
	m.apply(m.tr.state(1, 1)...)
	m.apply(m.tr.join("u3"), m.tr.join("u4"))
	whole, partial := m.subs[0], m.subscribe()
	if whole.partial || !partial.partial || len(partial.members) != 3 {
		t.Fatalf("truncated for the wrong one: %v %v", whole.partial, partial.partial)
	}
	m.apply(m.tr.leave("u0"))
	m.apply(m.tr.leave("u1"))
	// Who had everything by diffs isn't told everything again.
	m.expect(whole, "state", "left u0", "left u1")
	m.expect(partial, "state", "left u0", "left u1", "state")
	if partial.partial {
		t.Fatal("still truncated")
	}
}

func TestRosterIsTruncatedByBytesToo(t *testing.T) {
	m := newRoom(t, Limits{Members: 1000, Bytes: 300})
	for i := range 20 {
		m.tr.join(fmt.Sprint("u", i))
	}
	m.apply(m.tr.state(1, 1)...)
	if !m.subs[0].partial {
		t.Fatal("not truncated")
	}
	if n := len(m.r.Snapshot(false)); n > 300+200 {
		t.Fatalf("snapshot of %d bytes", n)
	}
}

// The edge's half: a storm is several frames of a bounded size.
func TestScenario32ALeaveStormIsCutIntoDiffs(t *testing.T) {
	m := newRoom(t, Limits{Members: 10, Bytes: 2000})
	var storm []Entry
	for i := range 500 {
		m.tr.join(fmt.Sprint("u", i))
	}
	m.apply(m.tr.state(1, 1)...)
	for i := range 500 {
		storm = append(storm, m.tr.leave(fmt.Sprint("u", i)))
	}
	out := m.apply(storm...)
	for _, o := range out {
		if len(o.Body) > 2000+300 {
			t.Fatalf("diff of %d bytes", len(o.Body))
		}
	}
	if n := len(m.subs[0].left); n != 500 {
		t.Fatalf("told %d of 500", n)
	}
}

func TestSnapshotIsSharedUntilTheNextChange(t *testing.T) {
	m := newRoom(t, wide)
	for i := range 200 {
		m.tr.join(fmt.Sprint("u", i))
	}
	m.apply(m.tr.state(1, 1)...)
	a, b := m.r.Snapshot(false), m.r.Snapshot(false)
	if &a[0] != &b[0] {
		t.Fatal("encoded twice")
	}
	if s := string(m.r.Snapshot(true)); !strings.Contains(s, `"resync":true`) {
		t.Fatalf("no resync in %s", s)
	}
	m.apply(m.tr.join("bob"))
	if s := string(m.r.Snapshot(false)); !strings.Contains(s, "bob") || strings.Contains(s, "resync") {
		t.Fatalf("snapshot %s", s)
	}
}

func TestRepeatedJoinIsAnUpdate(t *testing.T) {
	m := newRoom(t, wide)
	m.tr.join("alice")
	m.apply(m.tr.state(1, 1)...)
	m.apply(m.tr.join("alice"))
	m.expect(m.subs[0], "state")
	m.r.Ask(2)
	m.apply(m.tr.state(2, 1)...) // its join is still the first
	m.expect(m.subs[0], "state")
}

func TestNamesThatNeedEscapes(t *testing.T) {
	r := New("@a\"\\<é", 1, wide)
	r.Apply(nil, Entry{Version: schema.Version{Offset: 1}, Data: &schema.ChannelState{Request: 1, Parts: 1}})
	out := r.Apply(nil, Entry{Version: schema.Version{Offset: 2}, Data: &schema.PresenceJoined{User: "a\"\\<é"}})
	for _, body := range [][]byte{r.Snapshot(false), out[0].Body} {
		s := decodeChannel(t, body)
		if s != "@a\"\\<é" {
			t.Fatalf("channel %q in %s", s, body)
		}
	}
}

func TestAChangeAndANewerStateInOneWindowStayApart(t *testing.T) {
	m := newRoom(t, wide)
	m.apply(m.tr.state(1, 1)...)
	join := m.tr.join("visitor")
	m.tr.leave("visitor") // lost
	m.r.Ask(2)
	if out := m.apply(append([]Entry{join}, m.tr.state(2, 1)...)...); len(out) != 2 {
		t.Fatalf("%d diffs: joined and left can't be one", len(out))
	}
	m.expect(m.subs[0], "state", "left visitor")
}

// Markup is as long in a frame as it was written.
func TestNothingIsEscapedForHTML(t *testing.T) {
	const text = `<b>&`
	r := New("room", 1, Limits{Members: 10, Bytes: 1 << 10})
	var all strings.Builder
	for i, data := range []any{
		&schema.ChannelState{Request: 1, Parts: 1, Members: []schema.ChannelMember{{Member: schema.Member{User: text, Meta: schema.Meta{text: text}}}}},
		&schema.PresenceLeft{User: text, Reason: text},
		&schema.MessagePublished{User: text, Body: text},
	} {
		for _, out := range r.Apply(nil, Entry{Version: schema.Version{Offset: int64(i + 1)}, Data: data}) {
			all.Write(out.Body)
		}
	}
	if n := strings.Count(all.String(), text); n != 7 || strings.Contains(all.String(), `\u00`) {
		t.Fatalf("%d times in %s", n, all.String())
	}
}
