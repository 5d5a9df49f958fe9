package oracle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

// An edge that hears nothing of its clients ends their connections; what comes
// when the link is up again was sent before. Heard in time, it is no excuse.
func TestEndedBehindADeadLink(t *testing.T) {
	for _, c := range []struct {
		up   time.Duration // how long the link is, once more, before the end
		want string
	}{{0, ""}, {20 * time.Second, "false left"}} {
		p := newTape(t)
		p.join("a1", "alice")
		p.join("b1", "bob")
		p.wait(time.Minute)
		p.fact(Fact{Kind: LinkDown, Edge: "e0"})
		p.wait(15 * time.Second)
		if c.up == 0 {
			p.left("alice", schema.ReasonHeartbeatTimeout)
		}
		p.fact(Fact{Kind: LinkUp, Edge: "e0"})
		p.tell(schema.Message{}, "a1")
		if c.up > 0 {
			p.wait(c.up)
			p.tell(schema.Message{}, "a1")
			p.left("alice", schema.ReasonHeartbeatTimeout)
		}
		p.fact(Fact{Kind: Ended, Conn: "a1", Code: -1})
		got := slices.DeleteFunc(rules(Check(p.h)), func(rule string) bool { return rule != "false left" })
		if strings.Join(got, ", ") != c.want {
			t.Errorf("link up for %v: found %q, want %q", c.up, got, c.want)
		}
	}
}

// Who came and went while the edge counted as dead may never be told of, but
// who came before or stayed until it was back has to be.
func TestComesAndGoesWhileTheEdgeIsAway(t *testing.T) {
	for _, c := range []struct {
		away time.Duration
		want string
	}{{20 * time.Second, ""}, {2 * time.Second, "missed join"}} {
		p := newTape(t)
		p.edge = "e1"
		p.join("a1", "alice")
		p.wait(time.Second)
		p.fact(Fact{Kind: EdgeAway, Edge: "e0"})
		p.wait(c.away)
		p.fact(Fact{Kind: Connecting, Conn: "b1", User: "bob", Edge: "e0"})
		p.fact(Fact{Kind: Connected, Conn: "b1", Session: "s-b1"})
		p.fact(Fact{Kind: Subscribe, Conn: "b1", Sub: "1", Channel: room, Role: schema.RoleMember, ID: "r1"})
		p.wait(time.Second)
		p.fact(Fact{Kind: EdgeBack, Edge: "e0"})
		p.fact(Fact{Kind: Receipt, Conn: "b1", ID: "r1"})
		p.lifecycle(schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("b1", "bob")})
		p.end(Disconnect, "b1", "bob", schema.ReasonClientDisconnect)
		p.wait(5 * time.Minute)
		p.fact(Fact{Kind: Quiet})
		if got := strings.Join(rules(Check(p.h)), ", "); got != c.want {
			t.Errorf("away for %v: found %q, want %q", c.away, got, c.want)
		}
	}
}

// What only a dead edge knew of holds no place: who came back on it, and died
// with it, may be told to have left by an older hold's end. What the log knows
// of holds one.
func TestReturnThatDiedInAnOutbox(t *testing.T) {
	for logged, want := range map[bool]string{false: "", true: "false left"} {
		p := newTape(t)
		p.join("a1", "alice")
		p.wait(time.Second)
		p.end(Cut, "a1", "alice", schema.ReasonConnectionLost)
		p.wait(5 * time.Second)
		p.fact(Fact{Kind: Connecting, Conn: "a2", User: "alice", Edge: "e1"})
		p.fact(Fact{Kind: Connected, Conn: "a2", Session: "s-a2"})
		p.fact(Fact{Kind: Subscribe, Conn: "a2", Sub: "1", Channel: room, Role: schema.RoleMember, ID: "r1"})
		if logged {
			p.fact(Fact{Kind: Receipt, Conn: "a2", ID: "r1"})
		}
		p.wait(2 * time.Second)
		p.fact(Fact{Kind: EdgeKilled, Edge: "e1"})
		p.wait(4 * time.Second)
		p.left("alice", schema.ReasonConnectionLost)
		got := slices.DeleteFunc(rules(Check(p.h)), func(rule string) bool { return rule != "false left" })
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("in the log %v: found %q, want %q", logged, got, want)
		}
	}
}

// An arrival that waits in an outbox comes after another tab's goodbye even if
// its connection has broken meanwhile; one that the log has keeps a place.
func TestArrivalThatWaitsAndBreaks(t *testing.T) {
	for logged, want := range map[bool]string{false: "", true: "false left"} {
		p := newTape(t)
		p.join("a1", "alice")
		p.wait(time.Minute)
		p.fact(Fact{Kind: Connecting, Conn: "a2", User: "alice", Edge: "e1"})
		p.fact(Fact{Kind: Connected, Conn: "a2", Session: "s-a2"})
		p.fact(Fact{Kind: Subscribe, Conn: "a2", Sub: "1", Channel: room, Role: schema.RoleMember, ID: "r1"})
		if logged {
			p.fact(Fact{Kind: Receipt, Conn: "a2", ID: "r1"})
		}
		p.wait(3 * time.Second)
		p.end(Disconnect, "a1", "alice", schema.ReasonClientDisconnect)
		p.fact(Fact{Kind: Cut, Conn: "a2"})
		p.wait(time.Second)
		p.left("alice", schema.ReasonClientDisconnect)
		got := slices.DeleteFunc(rules(Check(p.h)), func(rule string) bool { return rule != "false left" })
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("in the log %v: found %q, want %q", logged, got, want)
		}
	}
}
