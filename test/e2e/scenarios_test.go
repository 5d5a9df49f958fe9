package e2e

import (
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/e2e/harness"
)

// scenarios are what every deployment must do; each is a parallel subtest.
var scenarios = map[string]func(*testing.T, *world){
	"join and roster":         joinAndRoster,
	"abrupt leave":            abruptLeave,
	"clean leave":             cleanLeave,
	"unsubscribe":             unsubscribe,
	"reload inside the grace": reload,
	"two devices":             twoDevices,
	"watcher":                 watcher,
	"online and offline":      online,
	"meta and status":         saysOfItself,

	"kick one of two":    kickOneOfTwo,
	"message to a user":  messageToAUser,
	"scenario 35 repeat": scenario35Repeated,
}

func (w *world) run(t *testing.T) {
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, w)
		})
	}
}

func joinAndRoster(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	a := harness.Connect(t, w.near, alice, "meta-color", "teal", "meta-lang", "de")
	inA := a.Join(name)
	inA.WaitMembers(alice)
	b := harness.Connect(t, w.far, bob)
	inB := b.Join(name)
	inA.WaitMembers(alice, bob)
	inB.WaitMembers(alice, bob)
	if m := inB.Member(alice); m.Meta["color"] != "teal" || m.Meta["lang"] != "de" || m.Since.IsZero() {
		t.Errorf("bob sees %+v", m)
	}
	b.Send(name, "hello from bob")
	a.Send(name, "hello from alice")
	for _, r := range []*harness.Room{inA, inB} {
		if m := r.WaitMessage("hello from bob"); m.User != bob {
			t.Errorf("from %s", m.User)
		}
		r.WaitMessage("hello from alice")
	}
	validate(t, inA, inB)
}

// abruptLeave is the main job: one of two loses its connection, the other is
// told, once, and every step of the way is readable in Kafka.
func abruptLeave(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	a := harness.Connect(t, w.near, alice)
	a.Join(name)
	inB.WaitMembers(alice, bob)
	a.Drop()
	inB.WaitLeft(alice)
	inB.WaitMembers(bob)
	afterwards(t, w, inB, alice, name)
	once(t, inB, alice, schema.ReasonConnectionLost)
	validate(t, inB)
	steps(t, w, a.Session, alice, name)
}

// afterwards makes a change that is told after everything before it: what was
// going to be told twice has been by then.
func afterwards(t *testing.T, w *world, in *harness.Room, gone, channel string) {
	t.Helper()
	late := gone + " later"
	c := harness.Connect(t, w.near, late)
	c.Join(channel)
	c.Disconnect()
	in.WaitLeft(late)
}

// steps reads the way of one abrupt leave in the log.
func steps(t *testing.T, w *world, session, user, channel string) {
	t.Helper()
	mine := func(r schema.Ref) bool { return r.Session == session }
	connected, _ := harness.Of(w.lifecycle, "session.connected", func(d *schema.SessionConnected) bool { return mine(d.Ref) })
	subscribed, s := harness.Of(w.lifecycle, "session.subscribed", func(d *schema.SessionSubscribed) bool { return mine(d.Ref) })
	disconnected, d := harness.Of(w.lifecycle, "session.disconnected", func(d *schema.SessionDisconnected) bool { return mine(d.Ref) })
	due, _ := harness.Of(w.lifecycle, "leave.due", func(d *schema.LeaveDue) bool { return d.Session == session && d.Cause == disconnected.Offset })
	if !(connected.Offset < subscribed.Offset && subscribed.Offset < disconnected.Offset && disconnected.Offset < due.Offset) {
		t.Errorf("offsets of connected %d, subscribed %d, disconnected %d, due %d", connected.Offset, subscribed.Offset, disconnected.Offset, due.Offset)
	}
	for _, e := range []harness.Entry{connected, subscribed, disconnected} {
		if string(e.Key) != user || e.Event.Subject != user || e.Partition != connected.Partition {
			t.Errorf("%s has key %q, subject %q, partition %d", e.Event.Type, e.Key, e.Event.Subject, e.Partition)
		}
	}
	if s.Channel != channel || s.Role != schema.RoleMember || s.Destination != "/topic/"+channel {
		t.Errorf("subscribed %+v", s)
	}
	if d.Reason != schema.ReasonConnectionLost || d.Initiator != schema.InitiatorNetwork || d.CloseCode != 1006 || d.Clean {
		t.Errorf("disconnected %+v", d)
	}
	joined, _ := harness.Of(w.channels, "presence.joined", func(d *schema.PresenceJoined) bool { return d.User == user && d.Channel == channel })
	left, l := harness.Of(w.channels, "presence.left", func(d *schema.PresenceLeft) bool { return d.User == user && d.Channel == channel })
	if l.Reason != schema.ReasonConnectionLost || l.LastSeen.IsZero() || left.Offset <= joined.Offset || string(left.Key) != channel {
		t.Errorf("left %+v, key %q", l, left.Key)
	}
	if kind := schema.ParseSource(left.Event.Source).Kind; kind != schema.SourceTask {
		t.Errorf("left is from %s", left.Event.Source)
	}
	personal, p := harness.Of(w.channels, "presence.left of @user", func(d *schema.PresenceLeft) bool { return d.Channel == schema.Personal(user) })
	if p.User != user {
		t.Errorf("offline: %s", personal.Value)
	}
}

func cleanLeave(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	a := harness.Connect(t, w.near, alice)
	a.Join(name)
	inB.WaitMembers(alice, bob)
	a.Disconnect()
	inB.WaitLeft(alice)
	once(t, inB, alice, schema.ReasonClientDisconnect)
	_, d := harness.Of(w.lifecycle, "session.disconnected", func(d *schema.SessionDisconnected) bool { return d.Session == a.Session })
	if d.Reason != schema.ReasonClientDisconnect || d.Initiator != schema.InitiatorClient || !d.Clean || d.FramesIn < 3 {
		t.Errorf("disconnected %+v", d)
	}
	if _, waited := w.lifecycle.Find(func(e harness.Entry) bool {
		due, ok := e.Data.(*schema.LeaveDue)
		return ok && due.Session == a.Session
	}); waited {
		t.Error("a clean end waited for a grace period")
	}
	validate(t, inB)
}

func unsubscribe(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	a := harness.Connect(t, w.near, alice)
	inA := a.Join(name)
	inB.WaitMembers(alice, bob)
	a.Leave(inA)
	inB.WaitLeft(alice)
	again := a.Join(name)
	inB.WaitMembers(alice, bob)
	again.WaitMembers(alice, bob)
	once(t, inB, alice, schema.ReasonUnsubscribed)
	validate(t, inB, again)
}

// reload: who is back within the grace period never left.
func reload(t *testing.T, w *world) {
	alice, bob, carol, name := user(t, "alice"), user(t, "bob"), user(t, "carol"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	c := harness.Connect(t, w.near, carol)
	c.Join(name)
	before := harness.Connect(t, w.near, alice)
	before.Join(name)
	inB.WaitMembers(alice, bob, carol)
	before.Drop()
	after := harness.Connect(t, w.far, alice)
	inA := after.Join(name)
	inA.WaitMembers(alice, bob, carol)
	if after.Session == before.Session {
		t.Error("a new connection has the old session's id")
	}
	harness.Of(w.lifecycle, "the first session's end", func(d *schema.SessionDisconnected) bool { return d.Session == before.Session })
	// carol's grace begins after alice's: once hers is over, alice's is.
	c.Drop()
	inB.WaitLeft(carol)
	after.Send(name, "still here")
	inB.WaitMessage("still here")
	if left, joined := inB.Count("left", alice), inB.Count("joined", alice); left != 0 || joined != 1 {
		t.Errorf("told %d departures and %d arrivals of alice: %v", left, joined, inB.Told())
	}
	validate(t, inA, inB)
}

// twoDevices: a user leaves with the last of their sessions.
func twoDevices(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	inB := harness.Connect(t, w.far, bob).Join(name)
	phone, laptop := harness.Connect(t, w.near, alice), harness.Connect(t, w.far, alice)
	phone.Join(name)
	inLaptop := laptop.Join(name)
	inLaptop.WaitMembers(alice, bob)
	inB.WaitMembers(alice, bob)
	// Between two edges, order is that of the log: the roster has alice already.
	harness.Of(w.lifecycle, "the laptop's subscription", func(d *schema.SessionSubscribed) bool { return d.Session == laptop.Session })
	phone.Disconnect()
	harness.Of(w.lifecycle, "the phone's end", func(d *schema.SessionDisconnected) bool { return d.Session == phone.Session })
	laptop.Send(name, "on my laptop")
	inB.WaitMessage("on my laptop")
	if n := inB.Count("left", alice); n != 0 {
		t.Errorf("left with one of two devices: %v", inB.Told())
	}
	laptop.Drop()
	inB.WaitLeft(alice)
	once(t, inB, alice, schema.ReasonConnectionLost)
	if n := inB.Count("joined", alice); n != 1 {
		t.Errorf("joined %d times: %v", n, inB.Told())
	}
	validate(t, inB, inLaptop)
}

// watcher: who watches sees everyone and is seen by nobody.
func watcher(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	b := harness.Connect(t, w.far, bob)
	inB := b.Watch(name)
	a := harness.Connect(t, w.near, alice)
	inA := a.Join(name)
	inA.WaitMembers(alice)
	inB.WaitMembers(alice)
	b.Disconnect()
	afterwards(t, w, inA, alice, name)
	if n := inA.Count("joined", bob) + inA.Count("left", bob); n != 0 {
		t.Errorf("a watcher was seen: %v", inA.Told())
	}
	validate(t, inA, inB)
}

// online: a user is a member of their personal channel for as long as they
// have a session anywhere; its watchers are told when and why that ended.
func online(t *testing.T, w *world) {
	alice, bob := user(t, "älice/ü"), user(t, "bob")
	inB := harness.Connect(t, w.far, bob).WatchUser(alice)
	inB.WaitMembers()
	phone, laptop := harness.Connect(t, w.near, alice), harness.Connect(t, w.far, alice)
	inB.WaitMembers(alice)
	for _, c := range []*harness.Client{phone, laptop} {
		harness.Of(w.lifecycle, "the session", func(d *schema.SessionConnected) bool { return d.Session == c.Session })
	}
	phone.Disconnect()
	harness.Of(w.lifecycle, "the phone's end", func(d *schema.SessionDisconnected) bool { return d.Session == phone.Session })
	laptop.Disconnect()
	inB.WaitLeft(alice)
	once(t, inB, alice, schema.ReasonClientDisconnect)
	again := harness.Connect(t, w.far, alice)
	inB.WaitMembers(alice)
	again.Drop()
	inB.WaitMembers()
	if told := inB.Told(); told[len(told)-1].Reason != schema.ReasonConnectionLost || inB.Count("joined", alice) != 2 {
		t.Errorf("told %v", told)
	}
	validate(t, inB)
}

// saysOfItself: what a client says about itself in CONNECT and later is what
// the others see, at the other edge too, and late comers.
func saysOfItself(t *testing.T, w *world) {
	alice, bob, name := user(t, "alice"), user(t, "bob"), room(t)
	a := harness.Connect(t, w.near, alice, "meta-color", "teal")
	a.Join(name)
	inB := harness.Connect(t, w.far, bob).Join(name)
	inB.WaitMembers(alice, bob)
	a.Say(`{"status":"away"}`)
	inB.WaitMember(alice, func(m schema.Member) bool { return m.Status == "away" && m.Meta["color"] == "teal" })
	a.Say(`{"meta":{"color":"red"},"status":""}`)
	inB.WaitMember(alice, func(m schema.Member) bool { return m.Status == "" && m.Meta["color"] == "red" })
	late := harness.Connect(t, w.near, user(t, "carol")).Join(name)
	// Her edge hears it in its own time.
	late.WaitMember(alice, func(m schema.Member) bool { return m.Status == "" && m.Meta["color"] == "red" })
	validate(t, inB, late)
}
