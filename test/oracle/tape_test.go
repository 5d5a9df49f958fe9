package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

const room = "room"

var origin = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// tape records what a Rollcall that makes no mistake would have done. Tests
// doctor it.
type tape struct {
	t       *testing.T
	h       History
	now     time.Duration
	next    int64 // offset in channel.events
	life    int64 // in session.lifecycle
	members []schema.Member
	subs    []string // connections that listen to the room
	edge    string   // that clients connect to
}

func newTape(t *testing.T) *tape {
	return &tape{t: t, edge: "e0", h: History{Config: Config{
		Delays: schema.Delays{UncleanMS: 10_000, DrainMS: 30_000}, Lease: 5 * time.Second,
		Detection: time.Second, Slack: 500 * time.Millisecond, Recovery: 5 * time.Second, Origin: origin,
	}}}
}

func (p *tape) wait(d time.Duration) { p.now += d }

func (p *tape) fact(f Fact) {
	f.At = p.now
	p.h.Facts = append(p.h.Facts, f)
}

func (p *tape) log(topic string, offset *int64, typ schema.Type, source string, data any) {
	seq := schema.Sequence{Offset: *offset + 1}
	ev, value, err := schema.Encode(typ, "x", schema.At(origin.Add(p.now)), schema.Stamp{Source: source, Sequence: seq}, topic, 0, data)
	if err != nil {
		p.t.Fatalf("%+v: %v", ev, err)
	}
	p.h.Log = append(p.h.Log, Record{At: p.now, Topic: topic, Offset: *offset, Value: value})
	*offset++
}

func (p *tape) lifecycle(typ schema.Type, data any) {
	p.log(schema.TopicLifecycle, &p.life, typ, "/edges/e0/1", data)
}

func (p *tape) channel(typ schema.Type, data any) {
	p.log(schema.TopicChannelEvents, &p.next, typ, "/tasks/presence-1/0", data)
}

// tell gives everybody who listens a frame.
func (p *tape) tell(body any, conns ...string) {
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range conns {
		p.fact(Fact{Kind: Frame, Conn: c, Sub: "1", Body: raw})
	}
}

func (p *tape) version() schema.Version { return schema.Version{Offset: p.next - 1} }

func (p *tape) diff(joined []schema.Member, left []schema.Departure) {
	p.tell(schema.PresenceDiff{Type: schema.ClientPresenceDiff, Channel: room, Version: p.version(), Count: len(p.members), Joined: joined, Left: left}, p.subs...)
}

func ref(conn, user string) schema.Ref {
	return schema.Ref{Session: "s-" + conn, User: user, Edge: "e0", Epoch: 1}
}

// join brings a connection of a user into the room.
func (p *tape) join(conn, user string) {
	p.fact(Fact{Kind: Connecting, Conn: conn, User: user, Edge: p.edge, Meta: schema.Meta{"color": "red"}})
	p.fact(Fact{Kind: Connected, Conn: conn, Session: "s-" + conn})
	p.lifecycle(schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref(conn, user)})
	p.fact(Fact{Kind: Subscribe, Conn: conn, Sub: "1", Channel: room, Role: schema.RoleMember, ID: "r1"})
	if p.member(user) < 0 {
		m := schema.Member{User: user, Meta: schema.Meta{"color": "red"}}
		p.members = append(p.members, m)
		p.channel(schema.TypePresenceJoined, &schema.PresenceJoined{Channel: room, User: user, Meta: m.Meta})
		p.channel(schema.TypePresenceJoined, &schema.PresenceJoined{Channel: schema.Personal(user), User: user, Meta: m.Meta})
		p.diff([]schema.Member{m}, nil)
	}
	p.tell(schema.PresenceState{Type: schema.ClientPresenceState, Channel: room, Version: p.version(), Count: len(p.members), Members: p.members}, conn)
	p.fact(Fact{Kind: Receipt, Conn: conn, ID: "r1"})
	p.subs = append(p.subs, conn)
}

func (p *tape) member(user string) int {
	return slices.IndexFunc(p.members, func(m schema.Member) bool { return m.User == user })
}

// end ends a connection and its session.
func (p *tape) end(kind Kind, conn, user string, reason schema.Reason) {
	p.fact(Fact{Kind: kind, Conn: conn})
	p.subs = slices.DeleteFunc(p.subs, func(c string) bool { return c == conn })
	p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref(conn, user), Reason: reason})
}

func (p *tape) left(user string, reason schema.Reason) {
	if i := p.member(user); i >= 0 {
		p.members = slices.Delete(p.members, i, i+1)
	}
	p.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: room, User: user, Reason: reason})
	p.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: schema.Personal(user), User: user, Reason: reason})
	p.diff(nil, []schema.Departure{{User: user, Reason: reason}})
}

// send is a message that everybody gets.
func (p *tape) send(conn, user, text string) {
	p.fact(Fact{Kind: Send, Conn: conn, Channel: room, ID: text, Body: []byte(text)})
	p.channel(schema.TypeMessagePublished, &schema.MessagePublished{Channel: room, User: user, Body: text})
	p.fact(Fact{Kind: Receipt, Conn: conn, ID: text})
	p.tell(schema.Message{Type: schema.ClientMessage, Channel: room, User: user, Body: text}, p.subs...)
}

// story is a history with a bit of everything: bob drops and is told to have
// left, carol reloads, dave logs out; alice hears it all.
func story(t *testing.T) *tape {
	p := newTape(t)
	p.join("a1", "alice")
	p.join("b1", "bob")
	p.join("c1", "carol")
	p.join("d1", "dave")
	p.wait(5 * time.Second)
	p.send("b1", "bob", "one")
	p.send("b1", "bob", "two")
	p.end(Cut, "b1", "bob", schema.ReasonConnectionLost)
	p.end(Cut, "c1", "carol", schema.ReasonConnectionLost)
	p.wait(3 * time.Second)
	p.join("c2", "carol")
	p.end(Disconnect, "d1", "dave", schema.ReasonClientDisconnect)
	p.left("dave", schema.ReasonClientDisconnect)
	p.wait(7 * time.Second)
	p.left("bob", schema.ReasonConnectionLost)
	p.wait(time.Minute)
	p.fact(Fact{Kind: Quiet})
	return p
}

func rules(r Report) []string {
	var out []string
	for _, v := range r.Violations {
		if !slices.Contains(out, v.Rule) {
			out = append(out, v.Rule)
		}
	}
	slices.Sort(out)
	return out
}

// drop takes out of a list what a function finds; at least one.
func drop[T any](t *testing.T, list []T, is func(T) bool) []T {
	t.Helper()
	out := slices.DeleteFunc(slices.Clone(list), is)
	if len(out) == len(list) {
		t.Fatal("nothing to doctor")
	}
	return out
}

func index[T any](t *testing.T, list []T, is func(T) bool) int {
	t.Helper()
	i := slices.IndexFunc(list, is)
	if i < 0 {
		t.Fatal("nothing to doctor")
	}
	return i
}

func say(typ schema.Type, user string) func(Record) bool {
	return func(r Record) bool {
		ev, data, _ := schema.Decode(r.Value)
		return ev.Type == typ && fmt.Sprint(userOf(data)) == user
	}
}

func userOf(data any) string {
	switch d := data.(type) {
	case *schema.PresenceJoined:
		return d.User
	case *schema.PresenceLeft:
		return d.User
	case *schema.SessionConnected:
		return d.User
	case *schema.SessionDisconnected:
		return d.User
	}
	return ""
}

func frameWith(conn, text string) func(Fact) bool {
	return func(f Fact) bool { return f.Kind == Frame && f.Conn == conn && contains(f.Body, text) }
}
