package app

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"
)

// cable is an edge's way to Kafka, which can be cut.
type cable struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("the cable is cut")

func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = conn.Close()
		return nil, errCut
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

func (c *cable) set(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// The edge is cut off from Kafka alone: its lease runs out, members elsewhere
// leave, return, leave, its own sockets stay open, one of them half. Joined
// again it hears the verdict and tells everybody anew. Its subscribers are told
// what was on its way with the reasons, and the rest as one difference, each
// departure once.
func TestScenario24CutOffFromKafkaOnly(t *testing.T) {
	way := &cable{}
	r := newRig(t, func(o *Options) { o.Dial = way.dial })
	n := newNotifier(r)
	alice := r.connect("alice")
	room := alice.subscribe("/topic/room")
	halfOpen := r.raw() // reads nothing more
	halfOpen.send("CONNECT\naccept-version:1.2\nhost:x\nlogin:half\n\n\x00SUBSCRIBE\nid:1\ndestination:/watch/room\n\n\x00")
	n.answer("room", 1, "alice", "bob", "carol", "dave", "erin")
	next(t, room)
	await(r, 2, any1[*schema.SessionSubscribed])

	way.set(true)
	n.post(n.left("room", "bob"), n.joined("room", "bob"), n.left("room", "bob")) // before its lease ran out
	r.verdict(n.epoch, schema.VerdictExpired)
	late := r.connect("late") // who comes meanwhile is admitted, and counts in the backlog
	retry.Eventually(t, limit, func() error {
		if r.app.status().Oldest < 200*time.Millisecond {
			return errors.New("no backlog yet")
		}
		return nil
	})
	way.set(false)

	await(r, 2*testPartitions, func(d *schema.EdgeStarted) bool { return d.Epoch > n.epoch })
	n.epoch = r.app.keeper.Epoch()
	r.startedIsLast(n.epoch)
	for _, user := range []string{"alice", "half"} {
		again := await(r, 1, func(d *schema.SessionConnected) bool { return d.User == user && d.Epoch == n.epoch })
		if !again.Reannounced || len(again.Subscriptions) != 1 {
			t.Fatalf("%s told as %+v", user, again)
		}
	}
	await(r, 1, func(d *schema.SessionConnected) bool { return d.User == "late" && d.Epoch == n.epoch && d.Reannounced })
	n.answer("room", 1, "alice", "carol", "erin") // carol, who was the third, is the second: she left and returned
	n.post(n.joined("room", "frank"))

	told := map[string]int{}
	reasons := map[string]bool{}
	for diff := next(t, room); ; diff = next(t, room) {
		for _, d := range diff["left"].([]any) {
			left := d.(map[string]any)
			told[left["user"].(string)]++
			if left["reason"] != "" {
				reasons[left["user"].(string)] = true
			}
		}
		if users(diff["joined"]) == "frank" {
			break
		}
	}
	// erin has another place as well: she left and returned too.
	if told["bob"] != 2 || !reasons["bob"] || told["carol"] != 1 || told["dave"] != 1 || told["erin"] != 1 || told["alice"] != 0 {
		t.Fatalf("departures told: %v", told)
	}
	late.disconnect()
	await(r, 1, bySession(late.conn.Session()))
}
