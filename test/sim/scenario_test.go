package sim

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// scenario plays a script instead of a seed's dice, and has the oracle judge it
// too. Kafka's log outlives its restarts where there is a directory.
func scenario(t *testing.T, dir string, script func(s *stage)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{deployment: deploy(t, 1, dir, slog.New(slog.DiscardHandler)), t: t}
		script(s)
		s.rest()
		s.end()
		for _, v := range oracle.Check(s.history()).Violations {
			t.Errorf("%s", v)
		}
		if s.after != nil {
			s.after()
		}
	})
}

type stage struct {
	*deployment
	t     *testing.T
	after func() // looks at what was recorded
}

func (s *stage) user(name string, edge int) *client {
	s.t.Helper()
	c, err := s.connect(name, edge, schema.Meta{"color": "teal"})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// join joins a room and waits for the receipt.
func (s *stage) join(name string, edge int, room string) *client {
	s.t.Helper()
	c := s.user(name, edge)
	_, done := c.subscribe("/topic/"+room, room, schema.RoleMember)
	s.await(done)
	return c
}

func (s *stage) await(done chan struct{}) {
	s.t.Helper()
	select {
	case <-done:
	case <-time.After(time.Minute):
		s.t.Fatal("no receipt for a minute")
	}
}

// broken does something while the oracle is told that something is broken.
func (s *stage) broken(do func()) {
	s.rec.note(oracle.Fact{Kind: oracle.FaultOn, Note: "script"})
	do()
	s.rec.note(oracle.Fact{Kind: oracle.FaultOff, Note: "script"})
}

// lefts counts how often the log tells of a user to have left a channel.
func (s *stage) lefts(user, channel string) (n int) {
	seen := map[string]bool{}
	for _, rec := range s.rec.log {
		event, data, err := schema.Decode(rec.Value)
		if err != nil || seen[event.ID] {
			continue
		}
		seen[event.ID] = true
		if d, ok := data.(*schema.PresenceLeft); ok && d.User == user && d.Channel == channel {
			n++
		}
	}
	return n
}

// told counts what a connection was told of a user: lefts and joins in diffs.
func (s *stage) told(c *client, user string) (left, joined int) {
	for _, f := range s.rec.facts {
		var diff schema.PresenceDiff
		if f.Conn != c.conn || f.Kind != oracle.Frame || json.Unmarshal(f.Body, &diff) != nil || diff.Type != schema.ClientPresenceDiff {
			continue
		}
		for _, d := range diff.Left {
			if d.User == user {
				left++
			}
		}
		for _, m := range diff.Joined {
			if m.User == user {
				joined++
			}
		}
	}
	return left, joined
}

func (s *stage) want(what string, got, want int) {
	s.t.Helper()
	if got != want {
		s.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// Presence is away for two minutes, in which alice reloads and carol goes.
func TestScenario02Backlog(t *testing.T) {
	scenario(t, "", func(s *stage) {
		watcher := s.join("bob", 1, "room.0")
		alice, carol := s.join("alice", 0, "room.0"), s.join("carol", 0, "room.0")
		s.broken(func() {
			for _, i := range s.presences {
				s.kill(i)
			}
			alice.cut()
			carol.cut()
			time.Sleep(leaveDelay / 2)
			s.user("alice", 1).join("room.0")
			time.Sleep(2 * time.Minute)
			for _, i := range s.presences {
				s.start(i)
			}
		})
		s.after = func() {
			s.want("lefts of alice, who was back", s.lefts("alice", "room.0"), 0)
			s.want("lefts of carol", s.lefts("carol", "room.0"), 1)
			left, _ := s.told(watcher, "carol")
			s.want("bob told of carol", left, 1)
		}
	})
}

// Every process is killed at once, Kafka is restarted, and only alice returns.
func TestScenario21KillOfEverything(t *testing.T) {
	scenario(t, t.TempDir(), func(s *stage) {
		for n, name := range []string{"alice", "bob", "carol"} {
			s.join(name, n%edges, "room.0")
		}
		var back *client
		s.broken(func() {
			for _, i := range s.instances() {
				s.kill(i)
			}
			s.kafka.stop()
			if err := s.kafka.start(); err != nil {
				s.t.Fatal(err)
			}
			for _, i := range s.instances() {
				s.start(i)
				<-i.now.started
			}
			back = s.join("alice", 1, "room.0")
		})
		s.after = func() {
			s.want("lefts of alice, who was back", s.lefts("alice", "room.0"), 0)
			for _, gone := range []string{"bob", "carol"} {
				s.want("lefts of "+gone, s.lefts(gone, "room.0"), 1)
				left, _ := s.told(back, gone)
				s.want("alice told of "+gone, left, 1)
			}
		}
	})
}

// An edge is cut off from Kafka; meanwhile bob leaves, returns and leaves
// elsewhere, dave leaves and returns, and a client of the edge itself vanishes.
func TestScenario24CutOffFromKafka(t *testing.T) {
	for _, away := range []time.Duration{7 * time.Second, time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			scenario(t, "", func(s *stage) {
				alice, erin := s.join("alice", 0, "room.0"), s.join("erin", 0, "room.0")
				bob, dave, frank := s.join("bob", 1, "room.0"), s.join("dave", 1, "room.0"), s.join("frank", 1, "room.0")
				s.broken(func() {
					cut := func(by int) {
						for node := range nodes {
							s.net.link(s.edges[0].now.host, kafkaHost(node)).addCut(by)
						}
					}
					s.rec.edgeAway("edge-0", +1)
					cut(+1)
					erin.vanish()
					bob.disconnect()
					dave.disconnect()
					time.Sleep(2 * time.Second)
					bob, dave = s.join("bob", 1, "room.0"), s.join("dave", 1, "room.0")
					bob.disconnect()
					time.Sleep(away - 2*time.Second)
					cut(-1)
					s.rec.edgeAway("edge-0", -1)
				})
				s.after = func() {
					s.want("lefts of bob in the log", s.lefts("bob", "room.0"), 2)
					left, joined := s.told(alice, "bob")
					s.want("times bob went, of those that alice was told he came", left, joined)
					left, _ = s.told(alice, "dave")
					s.want("alice told that dave left", left, 1)
					left, _ = s.told(frank, "erin")
					s.want("frank told that erin left", left, 1)
					left, joined = s.told(frank, "alice")
					s.want("frank told that alice left", left, map[bool]int{false: 0, true: 1}[away > time.Minute/2])
					s.want("and that she is back", joined, left)
				}
			})
		})
	}
}

// Who has the receipt of a SUBSCRIBE gets what is sent from then on, through
// another edge, however slow the network is.
func TestScenario26ReceiptThenSend(t *testing.T) {
	scenario(t, "", func(s *stage) {
		alice, bob := s.user("alice", 0), s.user("bob", 1)
		for n := range 20 {
			for _, l := range s.net.between("", "kafka-") {
				l.setSlow(time.Duration(1+40*(n%4)) * time.Millisecond)
			}
			room := fmt.Sprintf("room.%d", n)
			_, done := bob.subscribe("/watch/"+room, room, schema.RoleWatcher)
			s.await(done)
			s.await(alice.send(room))
		}
		s.after = func() {
			got := 0
			for _, f := range s.rec.facts {
				if f.Conn == bob.conn && f.Kind == oracle.Frame && strings.Contains(string(f.Body), `"type":"message"`) {
					got++
				}
			}
			s.want("messages to bob", got, 20)
		}
	})
}
