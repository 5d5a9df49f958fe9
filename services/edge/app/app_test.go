package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/retry"

	"github.com/go-stomp/stomp/v3"
)

// The whole path of one channel: join, receipt, snapshot, diff, message, leave,
// with a stock client.
func TestJoinSnapshotDiffMessageLeave(t *testing.T) {
	r := newRig(t, func(o *Options) { o.linger = time.Millisecond })
	n := newNotifier(r)
	alice := r.connect("alice", stomp.ConnOpt.Header("meta-device", "phone"))
	if alice.conn.Session() == "" {
		t.Fatal("no session id in CONNECTED")
	}
	connected := await(r, 1, any1[*schema.SessionConnected])
	if c := connected; c.Session != alice.conn.Session() || c.User != "alice" || c.Edge != "edge-0" || c.Epoch != n.epoch ||
		c.Protocol != "stomp/1.2+websocket" || c.UserAgent != "testbrowser/1" || c.Meta["device"] != "phone" || c.Reannounced ||
		!strings.HasPrefix(c.RemoteAddr, "127.0.0.1:") || c.MailboxPartition != schema.MailboxPartition("edge-0", testPartitions) {
		t.Fatalf("connected %+v", connected)
	}
	room := alice.subscribe("/topic/room.1")
	sub := await(r, 1, any1[*schema.SessionSubscribed])
	if sub.Channel != "room.1" || sub.Role != schema.RoleMember || sub.Session != connected.Session || sub.Destination != "/topic/room.1" {
		t.Fatalf("subscribed %+v", sub)
	}
	n.answer("room.1", 1, "alice", "bob")
	state := next(t, room)
	if state["type"] != "presence.state" || users(state["members"]) != "alice bob" || state["version"] != "1:101" {
		t.Fatalf("state %v", state)
	}
	n.post(n.left("room.1", "bob"), n.joined("room.1", "carol"))
	diff := next(t, room)
	if diff["type"] != "presence.diff" || users(diff["left"]) != "bob" || users(diff["joined"]) != "carol" || diff["count"] != 2.0 || diff["version"] != "1:103" {
		t.Fatalf("diff %v", diff)
	}
	if err := alice.conn.Send("/topic/room.1", "text/plain", []byte("hi"), stomp.SendOpt.Receipt); err != nil {
		t.Fatal(err)
	}
	m := await(r, 1, any1[*schema.MessagePublished])
	if m.Body != "hi" || m.User != "alice" || m.Session != connected.Session || m.ContentType != "text/plain" || m.Edge != "edge-0" {
		t.Fatalf("message %+v", m)
	}
	n.post(n.entry("room.1", schema.TypeMessagePublished, m))
	if got := next(t, room); got["type"] != "message" || got["body"] != "hi" || got["user"] != "alice" {
		t.Fatalf("message %v", got)
	}
	if err := room.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	await(r, 1, any1[*schema.SessionUnsubscribed])
	await(r, 1, func(d *schema.EdgeUninterested) bool { return d.Channel == "room.1" })
	alice.disconnect()
	end := await(r, 1, any1[*schema.SessionDisconnected])
	retry.Eventually(t, limit, func() error {
		figures := get(t, "http://"+r.app.OpsAddr()+"/metrics")
		for _, f := range []string{"rollcall_edge_connects_total 1", `rollcall_edge_disconnects_total{reason="client_disconnect"} 1`,
			"rollcall_edge_sessions 0", "rollcall_edge_outbox_events 0", "rollcall_edge_outbox_oldest_seconds 0",
			fmt.Sprint("rollcall_edge_epoch ", n.epoch), "rollcall_edge_messages_published_total 1"} {
			if !strings.Contains(figures, "\n"+f+"\n") {
				return fmt.Errorf("no %s in the metrics", f)
			}
		}
		return nil
	})
	if end.Reason != schema.ReasonClientDisconnect || end.Initiator != schema.InitiatorClient || end.CloseCode != 1000 || !end.Clean ||
		end.FramesIn == 0 || end.BytesOut == 0 {
		t.Fatalf("disconnected %+v", end)
	}
}

// The edge's half: a SUBSCRIBE receipt comes after the event is in
// the log and the state was delivered, not before.
func TestScenario26ReceiptOfSubscribe(t *testing.T) {
	r := newRig(t, nil)
	n := newNotifier(r)
	c := r.raw()
	c.send(connectAlice)
	if cmd, h, _ := c.frame(); cmd != "CONNECTED" || h["user-name"] != "alice" || h["version"] != "1.2" || h["heart-beat"] == "" || h["server"] == "" {
		t.Fatalf("%s %v", cmd, h)
	}
	c.send("SUBSCRIBE\nid:1\ndestination:/topic/room\nreceipt:r1\n\n\x00")
	await(r, 1, any1[*schema.SessionSubscribed])
	n.answer("room", 1, "bob")
	if cmd, h, _ := c.frame(); cmd != "MESSAGE" || h["subscription"] != "1" {
		t.Fatalf("%s %v before the state", cmd, h)
	}
	if cmd, h, _ := c.frame(); cmd != "RECEIPT" || h["receipt-id"] != "r1" {
		t.Fatalf("%s %v", cmd, h)
	}
	// A further subscriber is served from the cache.
	bob := r.connect("bob")
	if state := next(t, bob.subscribe("/topic/room")); users(state["members"]) != "bob" {
		t.Fatalf("state %v", state)
	}
	if len(find(r, func(d *schema.EdgeInterested) bool { return d.Channel == "room" })) != 1 {
		t.Fatal("asked again for what is in the cache")
	}
}

// With each interest withdrawn at once.
func TestScenario23SubscribeUnsubscribeSubscribeWithOneID(t *testing.T) {
	r := newRig(t, func(o *Options) { o.linger = -1 })
	n := newNotifier(r)
	c := r.raw()
	c.send(connectAlice)
	c.frame()
	one := "SUBSCRIBE\nid:1\ndestination:/topic/room\nreceipt:%s\n\n\x00"
	c.send(fmt.Sprintf(one, "a") + "UNSUBSCRIBE\nid:1\nreceipt:b\n\n\x00" + fmt.Sprintf(one, "c") +
		"SUBSCRIBE\nid:2\ndestination:/watch/room\nreceipt:d\n\n\x00")
	n.answer("room", 1, "old") // the first interest's answer is on its way …
	n.answer("room", 2, "new") // … but the second's is what counts
	states, receipts := map[string]string{}, map[string]bool{}
	for range 6 {
		cmd, h, body := c.frame()
		switch cmd {
		case "MESSAGE":
			states[h["subscription"]+" "+h["destination"]] += body
		case "RECEIPT":
			receipts[h["receipt-id"]] = true
		default:
			t.Fatalf("%s %v %s", cmd, h, body)
		}
	}
	if len(receipts) != 4 || len(states) != 2 {
		t.Fatalf("receipts %v, states %v", receipts, states)
	}
	for _, s := range []string{states["1 /topic/room"], states["2 /watch/room"]} {
		if !strings.Contains(s, "new") || strings.Contains(s, "old") || strings.Count(s, "presence.state") != 1 {
			t.Fatalf("state %s", s)
		}
	}
}

// A verdict on the epoch: a new one, every session and interest told anew, and
// last, in every partition of both topics, edge.started.
func TestScenario12VerdictMakesTheEdgeAnnounceEverythingAnew(t *testing.T) {
	r := newRig(t, nil)
	n := newNotifier(r)
	alice, bob := r.connect("alice"), r.connect("bob")
	room := alice.subscribe("/topic/room")
	bob.subscribe("/watch/room")
	n.answer("room", 1, "alice", "bob", "carol", "dave")
	next(t, room)
	gone := r.connect("gone")
	gone.disconnect()
	r.verdict(n.epoch, schema.VerdictExpired)
	started := 0
	await(r, 2*testPartitions, func(d *schema.EdgeStarted) bool { started++; return d.Epoch > n.epoch })
	second := r.app.keeper.Epoch()
	again := find(r, func(d *schema.SessionConnected) bool { return d.Reannounced })
	if len(again) != 2 {
		t.Fatalf("announced anew: %+v", again)
	}
	for _, d := range again {
		if d.Epoch != second || len(d.Subscriptions) != 1 || d.Subscriptions[0].Channel != "room" {
			t.Fatalf("announced anew: %+v", d)
		}
	}
	r.startedIsLast(second)
	// The difference heals what was missed meanwhile, and is told as one.
	n.epoch = second
	n.answer("room", 1, "alice", "bob", "erin")
	if diff := next(t, room); users(diff["left"]) != "carol dave" || users(diff["joined"]) != "erin" {
		t.Fatalf("difference %v", diff)
	}
	r.verdict(second-1, schema.VerdictGap) // of an epoch that is over: nothing
	alice.disconnect()
	if end := await(r, 1, bySession(alice.conn.Session())); end.Epoch != second || r.app.keeper.Epoch() != second {
		t.Fatalf("disconnected %+v", end)
	}
}

// verdict says one as presence would.
func (r *rig) verdict(epoch int64, v schema.Verdict) {
	r.t.Helper()
	r.write(r.topics.Heartbeat(), 0, "presence/p",
		fmt.Appendf(nil, `{"kind":"presence","instance":"p","verdicts":[{"edge":"edge-0","epoch":%d,"verdict":%q}]}`, epoch, v))
}

// startedIsLast: in each partition, no announcement of the epoch comes after
// its edge.started.
func (r *rig) startedIsLast(epoch int64) {
	r.t.Helper()
	for p := range int32(testPartitions) {
		for _, topic := range []string{schema.TopicLifecycle, schema.TopicChannelEvents} {
			place := fmt.Sprintf("%s/%d/", topic, p)
			types := r.order(func(ev schema.Event, data any) bool {
				return strings.Contains(ev.ID, place) && schema.ParseSource(ev.Source).Number == epoch
			})
			for i, typ := range types {
				if last := i == len(types)-1; (typ == schema.TypeEdgeStarted) != last {
					r.t.Errorf("%s epoch %d: %v", place, epoch, types)
				}
			}
		}
	}
}

func TestEdgeStartedIsTheFirstOfAnEpoch(t *testing.T) {
	r := newRig(t, nil)
	await(r, 2*testPartitions, any1[*schema.EdgeStarted])
	for p := range testPartitions {
		for _, topic := range []string{schema.TopicLifecycle, schema.TopicChannelEvents} {
			id := fmt.Sprintf("edges/edge-0/%d/%s/%d/1.0", r.app.keeper.Epoch(), topic, p)
			types := r.order(func(ev schema.Event, _ any) bool { return ev.ID == id })
			if len(types) != 1 || types[0] != schema.TypeEdgeStarted {
				t.Errorf("%s: %v", id, types)
			}
		}
	}
}

func TestHowSessionsEnd(t *testing.T) {
	r := newRig(t, nil)
	lost, closed, bare := r.connect("lost"), r.connect("closed"), r.raw()
	_ = lost.ws.CloseNow()
	_ = closed.ws.Close(1001, "tab closed")
	bare.send(connectAlice + "DISCONNECT\n\n\x00") // without a receipt, as Spring's
	if code, reason := bare.closed(); code != 1000 || reason != "client_disconnect" {
		t.Errorf("closed %d %s", code, reason)
	}
	for _, tc := range []struct {
		b         *browser
		reason    schema.Reason
		initiator schema.Initiator
		code      int
		clean     bool
	}{
		{lost, schema.ReasonConnectionLost, schema.InitiatorNetwork, 1006, false},
		{closed, schema.ReasonClientClose, schema.InitiatorClient, 1001, false},
	} {
		end := await(r, 1, bySession(tc.b.conn.Session()))
		if end.Reason != tc.reason || end.Initiator != tc.initiator || end.CloseCode != tc.code || end.Clean != tc.clean {
			t.Errorf("%s: %+v", tc.reason, end)
		}
	}
	if end := await(r, 1, func(d *schema.SessionDisconnected) bool { return d.User == "alice" }); end.Reason != schema.ReasonClientDisconnect || !end.Clean {
		t.Errorf("%+v", end)
	}
}

func TestKickAndMessageToAUser(t *testing.T) {
	r := newRig(t, nil)
	n := newNotifier(r)
	c := r.raw()
	c.send(connectAlice)
	_, connected, _ := c.frame()
	c.send("SUBSCRIBE\nid:q\ndestination:/user/queue/messages\nreceipt:r\n\n\x00")
	c.frame()
	command := func(a schema.Action, body string) schema.MailboxEntry {
		return n.entry("", schema.MailboxCommand, schema.SessionCommand{User: "alice", Session: connected["session"], Action: a, Note: "rude", Body: body})
	}
	kick := command(schema.ActionKick, "")
	n.post(command(schema.ActionMessage, "last warning"))
	if cmd, h, body := c.frame(); cmd != "MESSAGE" || h["subscription"] != "q" || !strings.Contains(body, "last warning") {
		t.Fatalf("%s %v %s", cmd, h, body)
	}
	kick.Sequence.Offset = n.offset + 1
	n.post(kick)
	if cmd, h, _ := c.frame(); cmd != "ERROR" || h["message"] != "kicked" || h["retry"] != "never" {
		t.Fatalf("%s %v", cmd, h)
	}
	if code, reason := c.closed(); code != 1008 || reason != "kicked" {
		t.Fatalf("closed %d %s", code, reason)
	}
	if end := await(r, 1, bySession(connected["session"])); end.Reason != schema.ReasonKicked || end.Note != "rude" || !end.Clean {
		t.Fatalf("disconnected %+v", end)
	}
}

// What can't be decoded goes to the dead letter, and the partition goes on.
func TestPoisonInTheMailbox(t *testing.T) {
	r := newRig(t, nil)
	n := newNotifier(r)
	room := r.connect("alice").subscribe("/topic/room")
	n.answer("room", 1, "bob")
	next(t, room)
	r.write(r.topics.Mailbox(), schema.MailboxPartition("edge-0", testPartitions), "edge-0", bytes.Repeat([]byte("\x00poison"), 100_000))
	n.post(n.left("room", "bob"))
	if diff := next(t, room); users(diff["left"]) != "bob" {
		t.Fatalf("diff %v", diff)
	}
	if m := get(t, "http://"+r.app.OpsAddr()+"/metrics"); !strings.Contains(m, "rollcall_edge_dead_letters_total 1") {
		t.Fatal("not counted")
	}
	found := false
	for p := range int32(testPartitions) {
		_, next, err := r.client.Offsets(r.ctx, r.topics.DeadLetter(), p)
		if err != nil {
			t.Fatal(err)
		}
		found = found || next > 0
	}
	if !found {
		t.Fatal("no dead letter")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// SIGTERM, as run gets it: an ERROR frame that says when to come back, 1012,
// every end in the log, a last heartbeat.
func TestStopEndsEverythingInOrder(t *testing.T) {
	r := newRig(t, nil)
	c := r.raw()
	c.send(connectAlice)
	_, connected, _ := c.frame()
	if demo := get(t, "http://"+r.app.Addr()+"/"); demo != "demo" {
		t.Fatalf("root: %q", demo)
	}
	begun := time.Now()
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		stopped <- r.app.Stop(ctx)
	}()
	if cmd, h, _ := c.frame(); cmd != "ERROR" || h["message"] != "server_shutdown" || h["retry"] != "now" {
		t.Fatalf("%s %v", cmd, h)
	}
	if code, reason := c.closed(); code != 1012 || reason != "server_shutdown" {
		t.Fatalf("closed %d %s", code, reason)
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Fatalf("took %v", d)
	}
	if end := await(r, 1, bySession(connected["session"])); end.Reason != schema.ReasonServerShutdown || end.CloseCode != 1012 || end.Clean {
		t.Fatalf("disconnected %+v", end)
	}
	beats := r.heartbeats()
	if last := beats[len(beats)-1]; !last.Stopped || last.Sessions != 0 || last.OldestMS != 0 {
		t.Fatalf("last heartbeat %+v", last)
	}
}

// Clients that answer nothing cost their share of the time, not the others'
// theirs: what ends is flushed, and the last heartbeat says so.
func TestStopWithMuteClients(t *testing.T) {
	r := newRig(t, nil)
	const mute = 30
	for i := range mute {
		c := r.raw() // never read again after its CONNECTED
		c.send(strings.Replace(connectAlice, "alice", fmt.Sprint("mute", i), 1))
		c.frame()
	}
	half, err := net.Dial("tcp", r.app.Addr()) // in the middle of a request
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	fmt.Fprint(half, "GET / HTTP/1.1\r\n")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second) // what standalone gives
	defer cancel()
	begun := time.Now()
	if err := r.app.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > 1800*time.Millisecond {
		t.Errorf("took %v", d)
	}
	await(r, mute, func(d *schema.SessionDisconnected) bool {
		return d.Reason == schema.ReasonServerShutdown && d.CloseCode == 1012 && !d.Clean
	})
	beats := r.heartbeats()
	if last := beats[len(beats)-1]; !last.Stopped || last.Sessions != 0 {
		t.Fatalf("last heartbeat %+v", last)
	}
}
