package oracle

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

func contains(b []byte, text string) bool { return bytes.Contains(b, []byte(text)) }

func TestWhatIsRightIsFoundRight(t *testing.T) {
	r := Check(story(t).h)
	for _, v := range r.Violations {
		t.Error(v)
	}
	c := r.Counts
	// bob and dave left the room and went offline; alice heard of both in the
	// room. carol's reload is a stay in the room and in her own channel.
	if c.Departures != 4 || c.Told != 3 || c.Stays != 2 || c.Lefts != 4 || c.Messages != 4 || c.Sessions != 5 || c.Rosters != 7 {
		t.Errorf("counted %s", c)
	}
}

const leftBob = `"left":[{"user":"bob"`

// Each doctored history is caught, and under the name of the promise broken.
func TestDoctoredHistories(t *testing.T) {
	for name, d := range map[string]struct {
		doctor func(t *testing.T, p *tape)
		want   string
	}{
		"lost left at the client": {func(t *testing.T, p *tape) {
			p.h.Facts = drop(t, p.h.Facts, frameWith("a1", leftBob))
		}, "missed left"},
		"double left at the client": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", leftBob))
			p.h.Facts = slices.Insert(p.h.Facts, i, p.h.Facts[i])
		}, "double left"},
		"left that the log doesn't know": {func(t *testing.T, p *tape) {
			p.h.Log = drop(t, p.h.Log, say(schema.TypePresenceLeft, "bob"))
		}, "missed left"},
		"left twice in the log": {func(t *testing.T, p *tape) {
			p.now = 40 * time.Second
			p.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: room, User: "bob", Reason: schema.ReasonConnectionLost})
		}, "alternation"},
		"left of one who is there": {func(t *testing.T, p *tape) {
			p.now = 40 * time.Second
			p.left("alice", schema.ReasonConnectionLost)
		}, "false left"},
		"wrong reason at the client": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", leftBob))
			p.h.Facts[i].Body = bytes.Replace(p.h.Facts[i].Body, []byte("connection_lost"), []byte("kicked"), 1)
		}, "reason"},
		"wrong reason of a session": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Log, say(schema.TypeSessionDisconnected, "dave"))
			p.h.Log[i].Value = bytes.Replace(p.h.Log[i].Value, []byte("client_disconnect"), []byte("idle_timeout"), 1)
		}, "reason"},
		"wrong count": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", leftBob))
			p.h.Facts[i].Body = bytes.Replace(p.h.Facts[i].Body, []byte(`"count":2`), []byte(`"count":3`), 1)
		}, "count"},
		"a diff without a state": {func(t *testing.T, p *tape) {
			p.h.Facts = drop(t, p.h.Facts, frameWith("a1", "presence.state"))
		}, "diff before state"},
		"a second state": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("c2", "presence.state"))
			p.h.Facts = slices.Insert(p.h.Facts, i, p.h.Facts[i])
		}, "second state"},
		"a diff that comes late": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", `"joined":[{"user":"carol"`))
			j := index(t, p.h.Facts, frameWith("a1", `"joined":[{"user":"dave"`))
			p.h.Facts[i].Body, p.h.Facts[j].Body = p.h.Facts[j].Body, p.h.Facts[i].Body
		}, "version"},
		"a leave and return untold": {func(t *testing.T, p *tape) {
			// Between the last two diffs; the roster is right before and after.
			i := index(t, p.h.Log, say(schema.TypePresenceLeft, "bob"))
			shifted := newTape(t)
			shifted.now, shifted.next = p.h.Log[i].At, p.h.Log[i].Offset
			shifted.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: room, User: "carol", Reason: schema.ReasonConnectionLost})
			shifted.channel(schema.TypePresenceJoined, &schema.PresenceJoined{Channel: room, User: "carol", Meta: schema.Meta{"color": "red"}})
			shifted.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: room, User: "bob", Reason: schema.ReasonConnectionLost})
			shifted.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: "@bob", User: "bob", Reason: schema.ReasonConnectionLost})
			p.h.Log = append(p.h.Log[:i], shifted.h.Log...)
			for k, f := range p.h.Facts {
				p.h.Facts[k].Body = bytes.Replace(f.Body, []byte(`"0:14"`), []byte(`"0:16"`), 1)
			}
		}, "untold"},
		"ghost at rest in the log": {func(t *testing.T, p *tape) {
			p.channel(schema.TypePresenceJoined, &schema.PresenceJoined{Channel: room, User: "bob"})
		}, "ghost"},
		"missing at rest at a client": {func(t *testing.T, p *tape) {
			p.now, p.h.Facts = 70*time.Second, p.h.Facts[:len(p.h.Facts)-1]
			p.diff(nil, []schema.Departure{{User: "carol"}})
			p.fact(Fact{Kind: Quiet})
		}, "missing"},
		"a session without an end": {func(t *testing.T, p *tape) {
			p.h.Log = drop(t, p.h.Log, say(schema.TypeSessionDisconnected, "bob"))
		}, "ghost session"},
		"an end of a session that lives": {func(t *testing.T, p *tape) {
			p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref("a1", "alice"), Reason: schema.ReasonEdgeLost})
		}, "lost session"},
		"two ends": {func(t *testing.T, p *tape) {
			p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref("b1", "bob"), Reason: schema.ReasonKicked})
		}, "two ends"},
		"a session nobody holds": {func(t *testing.T, p *tape) {
			p.lifecycle(schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("zz", "alice")})
		}, "ghost session"},
		"a session that the log doesn't know": {func(t *testing.T, p *tape) {
			p.h.Log = drop(t, p.h.Log, say(schema.TypeSessionConnected, "alice"))
		}, "unknown session"},
		"a join that was never told": {func(t *testing.T, p *tape) {
			p.h.Log = drop(t, p.h.Log, func(r Record) bool {
				return say(schema.TypePresenceJoined, "bob")(r) || say(schema.TypePresenceLeft, "bob")(r)
			})
		}, "missed join"},
		"a message lost": {func(t *testing.T, p *tape) {
			p.h.Facts = drop(t, p.h.Facts, frameWith("a1", `"body":"one"`))
		}, "lost message"},
		"a message twice": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", `"body":"one"`))
			p.h.Facts = slices.Insert(p.h.Facts, i, p.h.Facts[i])
		}, "double message"},
		"messages out of order": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Facts, frameWith("a1", `"body":"one"`))
			j := index(t, p.h.Facts, frameWith("a1", `"body":"two"`))
			p.h.Facts[i].Body, p.h.Facts[j].Body = p.h.Facts[j].Body, p.h.Facts[i].Body
		}, "order of messages"},
		"meta of another": {func(t *testing.T, p *tape) {
			for i := range p.h.Facts {
				if p.h.Facts[i].Kind == Connecting {
					p.h.Facts[i].Meta = schema.Meta{"color": "blue"}
				}
			}
		}, "meta"},
		"no state": {func(t *testing.T, p *tape) {
			p.h.Facts = drop(t, p.h.Facts, func(f Fact) bool { return f.Kind == Frame && f.Conn == "c2" })
		}, "no state"},
		"no receipt": {func(t *testing.T, p *tape) {
			p.h.Facts = drop(t, p.h.Facts, func(f Fact) bool { return f.Kind == Receipt && f.Conn == "c2" })
		}, "no receipt"},
		"stamps that go back": {func(t *testing.T, p *tape) {
			i := index(t, p.h.Log, say(schema.TypePresenceLeft, "dave"))
			j := index(t, p.h.Log, say(schema.TypePresenceLeft, "bob"))
			p.h.Log[i].Value, p.h.Log[j].Value = p.h.Log[j].Value, p.h.Log[i].Value
		}, "order"},
		"a gap": {func(t *testing.T, p *tape) {
			p.life += 2
			p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref("b1", "bob"), Reason: schema.ReasonConnectionLost})
		}, "gap"},
	} {
		t.Run(name, func(t *testing.T) {
			p := story(t)
			d.doctor(t, p)
			if got := rules(Check(p.h)); !slices.Contains(got, d.want) {
				t.Errorf("found %v, want %q", got, d.want)
			}
		})
	}
}

// A subscription that was given up just before its connection broke: nobody
// knows when the edge noticed that, and yet the leave was due at once.
func TestAnUnsubscribeJustBeforeTheConnectionBroke(t *testing.T) {
	p := newTape(t)
	p.join("a1", "alice")
	p.edge = "e1"
	p.join("b1", "bob")
	p.wait(time.Minute)
	p.fact(Fact{Kind: Unsubscribe, Conn: "b1", Sub: "1", ID: "r2"})
	p.fact(Fact{Kind: Receipt, Conn: "b1", ID: "r2"})
	p.members = p.members[:1]
	p.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: room, User: "bob", Reason: schema.ReasonUnsubscribed})
	p.diff(nil, []schema.Departure{{User: "bob", Reason: schema.ReasonUnsubscribed}})
	p.wait(p.h.Slack / 2)
	p.end(Ended, "b1", "bob", schema.ReasonEdgeLost)
	p.fact(Fact{Kind: EdgeKilled, Edge: p.edge})
	p.wait(p.h.Lease + 10*time.Second)
	p.channel(schema.TypePresenceLeft, &schema.PresenceLeft{Channel: schema.Personal("bob"), User: "bob", Reason: schema.ReasonEdgeLost})
	if got := rules(Check(p.h)); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}

// A task ends what a late event of an edge's former epoch began. By the time
// this is in the log, the session may have been announced again.
func TestAnEndOfAFormerEpochIsNone(t *testing.T) {
	p := newTape(t)
	p.join("a1", "alice")
	again := ref("a1", "alice")
	again.Epoch++
	p.lifecycle(schema.TypeSessionConnected, &schema.SessionConnected{Ref: again, Reannounced: true})
	p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: ref("a1", "alice"), Reason: schema.ReasonEdgeLost})
	p.wait(time.Minute)
	p.fact(Fact{Kind: Quiet})
	if got := rules(Check(p.h)); len(got) > 0 {
		t.Errorf("found %v", got)
	}
	p.lifecycle(schema.TypeSessionDisconnected, &schema.SessionDisconnected{Ref: again, Reason: schema.ReasonEdgeLost})
	if got := rules(Check(p.h)); !slices.Contains(got, "lost session") {
		t.Errorf("found %v, want a lost session", got)
	}
}

// A leave that is told too early or though its user was back is false; one that
// is near the bound may be either.
func TestFalseLefts(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		away, left time.Duration // return and leave after the cut
		want       string
	}{
		"early":                {away: time.Minute, left: 6 * second, want: "false left"},
		"back before":          {away: 4 * second, left: 12 * second, want: "false left"},
		"back before, told so": {away: 4 * second, left: 3 * second, want: "false left"},
		"in time":              {away: time.Minute, left: 10 * second},
		"near the bound":       {away: 9800 * time.Millisecond, left: 9900 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTape(t)
			p.join("a1", "alice")
			p.join("b1", "bob")
			p.wait(second)
			cut := p.now
			p.end(Cut, "b1", "bob", schema.ReasonConnectionLost)
			back := func() { p.now = cut + c.away; p.join("b2", "bob") }
			leave := func() { p.now = cut + c.left; p.left("bob", schema.ReasonConnectionLost) }
			if c.away < c.left {
				back()
				leave()
			} else {
				leave()
				back()
			}
			got := strings.Join(rules(Check(p.h)), ", ")
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// A second tab's orderly end frees no place that the first one's reload holds.
func TestHoldOfAnotherTab(t *testing.T) {
	p := newTape(t)
	p.join("a1", "alice")
	p.join("b1", "bob")
	p.join("b2", "bob")
	p.wait(time.Second)
	p.end(Cut, "b1", "bob", schema.ReasonConnectionLost)
	p.wait(2 * time.Second)
	p.end(Disconnect, "b2", "bob", schema.ReasonClientDisconnect)
	p.left("bob", schema.ReasonClientDisconnect)
	if got := rules(Check(p.h)); !slices.Equal(got, []string{"false left"}) {
		t.Errorf("found %v", got)
	}
}

// A second tab whose arrival waits in another edge's outbox comes after the
// goodbye of the first, but for a reload a place would be held.
func TestArrivalThatWaits(t *testing.T) {
	for reason, want := range map[schema.Reason]string{schema.ReasonClientDisconnect: "", schema.ReasonConnectionLost: "false left"} {
		p := newTape(t)
		p.join("a1", "alice")
		p.wait(time.Minute)
		p.fact(Fact{Kind: Connecting, Conn: "a2", User: "alice", Edge: "e1"})
		p.fact(Fact{Kind: Connected, Conn: "a2", Session: "s-a2"})
		p.fact(Fact{Kind: Subscribe, Conn: "a2", Sub: "1", Channel: room, Role: schema.RoleMember, ID: "r1"})
		p.wait(3 * time.Second)
		p.end(Disconnect, "a1", "alice", schema.ReasonClientDisconnect)
		p.wait(time.Second)
		p.left("alice", reason)
		p.wait(5 * time.Second)
		p.lifecycle(schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("a2", "alice")})
		p.fact(Fact{Kind: Receipt, Conn: "a2", ID: "r1"})
		if got := strings.Join(rules(Check(p.h)), ", "); got != want {
			t.Errorf("left for %s: found %q, want %q", reason, got, want)
		}
	}
}

// Bounds run only while nothing is broken; a dead edge is granted its lease.
func TestWhatFaultsExcuse(t *testing.T) {
	for name, c := range map[string]struct {
		fault func(p *tape)
		told  time.Duration
		want  string
	}{
		"none": {fault: func(*tape) {}, told: 14 * time.Second, want: "missed left"},
		"an outage": {fault: func(p *tape) {
			p.fact(Fact{Kind: FaultOn, Note: "kafka"})
			p.wait(time.Minute)
			p.fact(Fact{Kind: FaultOff, Note: "kafka"})
		}, told: 14 * time.Second},
		"edge killed":       {fault: func(p *tape) { p.fact(Fact{Kind: EdgeKilled, Edge: "e0"}) }, told: 19 * time.Second},
		"other edge killed": {fault: func(p *tape) { p.fact(Fact{Kind: EdgeKilled, Edge: "e1"}) }, told: 25 * time.Second, want: "missed left"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newTape(t)
			p.edge = "e2"
			p.join("a1", "alice")
			p.edge = "e0"
			p.join("b1", "bob")
			p.wait(time.Second)
			p.end(Cut, "b1", "bob", schema.ReasonConnectionLost)
			c.fault(p)
			p.wait(c.told)
			p.left("bob", schema.ReasonConnectionLost)
			p.wait(5 * time.Minute)
			p.fact(Fact{Kind: Quiet})
			got := rules(Check(p.h))
			if slices.Contains(got, "missed left") != (c.want != "") {
				t.Errorf("found %v, want %q", got, c.want)
			}
		})
	}
}

// While an edge is away for longer than its lease its users may be told to have
// left; for less they may not.
func TestEdgeAway(t *testing.T) {
	for _, c := range []struct {
		away time.Duration
		want string
	}{{4 * time.Second, "false left"}, {20 * time.Second, ""}} {
		p := newTape(t)
		p.join("a1", "alice")
		p.wait(time.Second)
		p.fact(Fact{Kind: EdgeAway, Edge: "e0"})
		p.wait(c.away)
		p.left("alice", schema.ReasonEdgeLost)
		p.fact(Fact{Kind: EdgeBack, Edge: "e0"})
		if got := strings.Join(rules(Check(p.h)), ", "); got != c.want {
			t.Errorf("away for %v: found %q, want %q", c.away, got, c.want)
		}
	}
}

// An edge that is told to stop about when a connection is lost may name its stop.
func TestEdgeStopsAboutThen(t *testing.T) {
	stop := Fact{Kind: EdgeStops, Edge: "e0"}
	for when, steps := range map[string]struct {
		do      func(p *tape, end func())
		excused bool
	}{
		"after":       {func(p *tape, end func()) { end(); p.fact(stop) }, true},
		"just before": {func(p *tape, end func()) { p.fact(stop); end() }, true},
		"never":       {func(_ *tape, end func()) { end() }, false},
		"long before": {func(p *tape, end func()) { p.fact(stop); p.wait(time.Minute); end() }, false},
		"long after":  {func(p *tape, end func()) { end(); p.wait(time.Minute); p.fact(stop) }, false},
	} {
		p := newTape(t)
		p.join("a1", "alice")
		steps.do(p, func() { p.end(Cut, "a1", "alice", schema.ReasonServerShutdown) })
		if got := rules(Check(p.h)); slices.Contains(got, "reason") == steps.excused {
			t.Errorf("stopped %s: found %v", when, got)
		}
	}
}

func TestHealthyTime(t *testing.T) {
	f := faults{all: []span{{10, 20}, {30, 40}}}
	for _, c := range []struct{ from, d, want time.Duration }{
		{0, 5, 5}, {0, 10, 10}, {0, 11, 21}, {15, 1, 21}, {5, 15, 30}, {5, 16, 41}, {40, 7, 47}, {50, 0, 50},
	} {
		if got := f.after(c.from, c.d); got != c.want {
			t.Errorf("%d healthy after %d: %d, want %d", c.d, c.from, got, c.want)
		}
	}
	if got := (faults{all: []span{{10, forever}}}).after(0, 20); got != forever {
		t.Errorf("in an endless fault: %d", got)
	}
}
