package fold

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// model is the naive truth beside a world: what edges know about their own
// sessions, what subscribers were told, and what a reader of the log alone
// believes.
type model struct {
	*world
	rt       *rapid.T
	sessions map[string]map[string]bool // live at its edge → channels
	pending  map[string][]string        // edge → sessions to announce
	claimed  map[string]bool            // edge → owes an edge.started
	lost     []string                   // sessions that went with a killed edge
	next     int
	told     map[string]bool  // channel, user → was told to be there
	alive    map[string]int64 // session → epoch, for a reader of the log
	dues     []schema.LeaveDue
	mail     []*stream.MailboxOutput // not delivered yet
	met      map[string]bool         // session → a kick has met it, and isn't forgotten
}

var modelEdges = []string{"E1", "E2", "E3"}

func newModel(rt *rapid.T) *model {
	m := &model{rt: rt, sessions: map[string]map[string]bool{}, pending: map[string][]string{},
		claimed: map[string]bool{}, met: map[string]bool{}, told: map[string]bool{}, alive: map[string]int64{}}
	m.world = newWorld(rt, grace)
	return m
}

// do runs one step and hears what follows from it.
func (m *model) do(step string) {
	m.rt.Helper()
	words := strings.Fields(step)
	before := len(m.log)
	m.hear(steps[words[0]](m.world, append(words[1:], "", "", "")))
	for _, in := range m.log[before:] {
		m.read(in)
	}
}

// hear checks that joined and left alternate, and that only members change.
func (m *model) hear(outputs []stream.Output) {
	for _, out := range outputs {
		if out.Mailbox != nil {
			m.mail = append(m.mail, out.Mailbox)
		}
		var place string
		var was, is bool
		switch d := out.Data.(type) {
		case *schema.PresenceJoined:
			place, was, is = d.Channel+" "+d.User, false, true
		case *schema.PresenceLeft:
			place, was, is = d.Channel+" "+d.User, true, false
		case *schema.PresenceUpdated:
			place, was, is = d.Channel+" "+d.User, true, true
		default:
			continue
		}
		if m.told[place] != was {
			m.rt.Fatalf("told %q, but being there was told as %v", outputInWords(out), m.told[place])
		}
		m.told[place] = is
	}
}

// read is what a reader of session.lifecycle alone makes of it: a session is
// live from its connected to an end of the same or a later epoch.
func (m *model) read(in stream.Input) {
	switch d := in.Data.(type) {
	case *schema.SessionConnected:
		m.alive[d.Session] = max(m.alive[d.Session], d.Epoch)
	case *schema.SessionDisconnected:
		if d.Epoch >= m.alive[d.Session] {
			delete(m.alive, d.Session)
		}
	}
}

func (m *model) live() []string { return slices.Sorted(maps.Keys(m.sessions)) }

func (m *model) pick(label string, from []string) (string, bool) {
	if len(from) == 0 {
		return "", false
	}
	return rapid.SampledFrom(from).Draw(m.rt, label), true
}

func (m *model) edge() string { return rapid.SampledFrom(modelEdges).Draw(m.rt, "edge") }

func (m *model) connect() {
	m.next++
	session := fmt.Sprintf("%s%d", rapid.SampledFrom([]string{"a", "b"}).Draw(m.rt, "user"), m.next)
	m.sessions[session] = map[string]bool{}
	m.do("connect " + session + " " + m.edge() + " " + rapid.SampledFrom([]string{"-", "x", "y"}).Draw(m.rt, "meta"))
}

func (m *model) subscribe(session string) {
	channel := rapid.SampledFrom([]string{"room", "hall", "yard"}).Draw(m.rt, "channel")
	if m.sessions[session][channel] {
		delete(m.sessions[session], channel)
		m.do("unsubscribe " + session + " " + channel)
		return
	}
	m.sessions[session][channel] = true
	m.do("subscribe " + session + " " + channel)
}

func (m *model) end(session string) {
	delete(m.sessions, session)
	m.do(rapid.SampledFrom([]string{"drop", "reload", "logout", "drain"}).Draw(m.rt, "end") + " " + session)
}

func (m *model) claim(edge string) {
	m.do("claim " + edge)
	m.claimed[edge] = true
	m.pending[edge] = nil
	for _, session := range m.live() {
		if m.edges[session] == edge {
			m.pending[edge] = append(m.pending[edge], session)
		}
	}
}

// recover lets an edge take one step of its new epoch.
func (m *model) recover(edge string) {
	switch {
	case len(m.pending[edge]) > 0:
		session := m.pending[edge][0]
		m.pending[edge] = m.pending[edge][1:]
		if channels, live := m.sessions[session]; live {
			m.do("announce " + session + " " + cmp.Or(strings.Join(slices.Sorted(maps.Keys(channels)), ","), ","))
		}
	case m.claimed[edge]:
		m.claimed[edge] = false
		m.do("start " + edge)
	}
}

func (m *model) kill(edge string) {
	for _, session := range m.live() {
		if m.edges[session] == edge {
			delete(m.sessions, session)
			m.lost = append(m.lost, session)
		}
	}
	m.claim(edge)
	m.recover(edge)
}

// due appends the due of a hold, or repeats one that was there before.
func (m *model) due(fresh bool) bool {
	var dues []schema.LeaveDue
	for key, e := range m.store.Snapshot().Scan("") {
		if d, ok := New().Due(key, e); ok {
			dues = append(dues, schema.LeaveDue{User: d.User, Session: d.Session, Cause: d.Cause})
		}
	}
	m.dues = append(m.dues, dues...)
	if !fresh {
		dues = m.dues
	}
	if len(dues) == 0 {
		return false
	}
	d := dues[rapid.IntRange(0, len(dues)-1).Draw(m.rt, "due")]
	if e, ok := m.store.Snapshot().Get(kickedKey(d.User, d.Session)); ok && e.(*Kicked).Cause == d.Cause {
		m.met[d.Session] = false // the log has forgotten the kick
	}
	m.hear(m.fromTask(schema.TypeLeaveDue, d.User, &d))
	return true
}

func (m *model) step() {
	session, any := m.pick("session", m.live())
	switch n := rapid.IntRange(0, 15).Draw(m.rt, "step"); {
	case n <= 2 || !any:
		m.connect()
	case n <= 6:
		m.subscribe(session)
	case n <= 8:
		m.end(session)
	case n == 9:
		m.due(false)
	case n == 10:
		m.do("expire " + m.edge())
	case n == 11:
		m.claim(m.edge())
	case n == 12:
		m.recover(m.edge())
	case n == 13:
		m.do("readback")
	case n == 14:
		m.do(rapid.SampledFrom([]string{"owner 0 0 0", "owner 10 30 0", "owner 10 30 5", "update " + session + " z"}).Draw(m.rt, "misc"))
	default:
		if late, ok := m.pick("lost", m.lost); ok && m.epoch(m.edges[late]) > 1 {
			m.do("late " + late + " " + m.edges[late])
			return
		}
		m.kill(m.edge())
	}
}

// wake lets edges hear that they have expired, and recover.
func (m *model) wake() {
	for _, edge := range modelEdges {
		if m.over[edge] >= m.epoch(edge) {
			m.claim(edge)
		}
		for len(m.pending[edge]) > 0 || m.claimed[edge] {
			m.recover(edge)
		}
	}
}

// settle brings everything to rest: edges recover, what the task wrote is read
// back, every due comes.
func (m *model) settle() {
	m.wake()
	for m.due(true) {
	}
	m.do("readback")
}

func (m *model) check() {
	want := map[string]bool{}
	for session, channels := range m.sessions {
		user := userOf(session)
		want[schema.Personal(user)+" "+user] = true
		for channel := range channels {
			want[channel+" "+user] = true
		}
		if _, ok := m.alive[session]; !ok {
			m.rt.Fatalf("a reader of the log has no live session %s", session)
		}
	}
	maps.DeleteFunc(m.told, func(_ string, is bool) bool { return !is })
	if !maps.Equal(m.told, want) {
		m.rt.Fatalf("told %v, want %v", m.told, want)
	}
	if len(m.alive) != len(m.sessions) {
		m.rt.Fatalf("a reader of the log has sessions %v, want %v", m.alive, m.live())
	}
	memberships := 0
	for _, e := range m.store.Snapshot().Scan("") {
		switch e := e.(type) {
		case *Hold:
			m.rt.Fatalf("a hold at rest: %+v", e)
		case *Membership:
			memberships++
		}
	}
	if memberships != len(want) {
		m.rt.Fatalf("%d memberships, want %d", memberships, len(want))
	}
}

func TestRandomHistoriesComeToRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newModel(rt)
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			m.step()
		}
		m.settle()
		m.check()
		m.sameAgain()
	})
}
