package hub

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/mailbox"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/roster"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/transport"
)

// fakeConn is a connection whose peer reads nothing by itself.
type fakeConn struct {
	mu     sync.Mutex
	frames []string
	tails  [][]byte
	full   bool // no room
	ended  bool
	code   int
	last   string
	onEnd  func() // called by Stats, which a session asks for on its way out
}

func (c *fakeConn) Send(f []byte) error { return c.SendShared(f, nil) }

func (c *fakeConn) SendShared(head, tail []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return transport.ErrClosed
	case c.full:
		return transport.ErrSlow
	}
	c.frames = append(c.frames, string(head)+string(tail))
	c.tails = append(c.tails, tail)
	return nil
}

func (c *fakeConn) Close(code int, _ string, last []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended, c.code, c.last = true, code, string(last)
	}
}

func (c *fakeConn) KeepAlive(bool)     {}
func (c *fakeConn) RemoteAddr() string { return "192.0.2.1:1234" }
func (c *fakeConn) Protocol() string   { return "websocket" }

func (c *fakeConn) Stats() transport.Stats {
	if c.onEnd != nil {
		c.onEnd()
	}
	return transport.Stats{MessagesIn: 3}
}

func (c *fakeConn) setFull(full bool) { c.mu.Lock(); c.full = full; c.mu.Unlock() }

// got takes what arrived, as "COMMAND key" in short: the event or the receipt.
func (c *fakeConn) got() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, f := range c.frames {
		command, rest, _ := strings.Cut(f, "\n")
		for l := range strings.Lines(rest) {
			if k, v, _ := strings.Cut(strings.TrimSpace(l), ":"); k == "event" || k == "receipt-id" {
				command += " " + v
			}
		}
		out = append(out, command)
	}
	c.frames, c.tails = nil, nil
	return strings.Join(out, ", ")
}

// fakeOutbox takes events and acknowledges when told to.
type fakeOutbox struct {
	mu      sync.Mutex
	events  []outbox.Event
	acked   int
	refuse  bool
	stuck   map[string]bool // "topic/partition" without room
	started []string
	auto    bool
	before  func(outbox.Event) // called by Add
}

func (o *fakeOutbox) Add(ev outbox.Event) bool {
	if o.before != nil {
		o.before(ev)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.refuse && !ev.Must {
		return false
	}
	o.events = append(o.events, ev)
	if o.auto && ev.Done != nil {
		ev.Done(true)
	}
	return true
}

func (o *fakeOutbox) AddStarted(topic string, p int32, epoch int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.started = append(o.started, fmt.Sprintf("%s/%d@%d", topic, p, epoch))
	o.events = append(o.events, outbox.Event{Type: schema.TypeEdgeStarted, Topic: topic, Key: fmt.Sprint(p)})
}

func (o *fakeOutbox) Room(topic string, p int32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.refuse && !o.stuck[fmt.Sprintf("%s/%d", topic, p)]
}

// PartitionOf goes by the last letter, so that tests can choose.
func (o *fakeOutbox) PartitionOf(key string) int32 { return int32(key[len(key)-1] % 2) }
func (o *fakeOutbox) Partitions() int              { return 2 }

// ack acknowledges everything so far.
func (o *fakeOutbox) ack() { o.land(func(outbox.Event) bool { return true }) }

// land tells of everything so far whether Kafka has it.
func (o *fakeOutbox) land(ok func(outbox.Event) bool) {
	o.mu.Lock()
	dones := o.events[o.acked:]
	o.acked = len(o.events)
	o.mu.Unlock()
	for _, ev := range dones {
		if ev.Done != nil {
			ev.Done(ok(ev))
		}
	}
}

func (o *fakeOutbox) set(change func()) { o.mu.Lock(); change(); o.mu.Unlock() }

// told lists the events since the last call, in short.
func (o *fakeOutbox) told() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for _, ev := range o.events {
		name := strings.TrimSuffix(strings.TrimPrefix(string(ev.Type), "rollcall."), ".v1")
		name = name[strings.IndexByte(name, '.')+1:] + " " + ev.Key
		switch d := ev.Data.(type) {
		case *schema.SessionConnected:
			if d.Reannounced {
				name += fmt.Sprintf(" again %d", len(d.Subscriptions))
			}
		case *schema.SessionDisconnected:
			name += " " + string(d.Reason)
		}
		out = append(out, name)
	}
	o.events, o.acked = nil, 0
	return strings.Join(out, ", ")
}

// stage is a hub between fakes.
type stage struct {
	t      testing.TB
	h      *Hub
	out    *fakeOutbox
	offset int64
}

func newStage(t testing.TB) *stage {
	cfg := session.DefaultConfig()
	cfg.LoginIsUser = true
	who, err := auth.New(auth.Options{Mode: auth.None})
	if err != nil {
		t.Fatal(err)
	}
	out := &fakeOutbox{stuck: map[string]bool{}}
	h := New(Config{Edge: "edge-0", Session: &cfg, Auth: who, Outbox: out, Linger: -1,
		Limits: roster.Limits{Members: 1000, Bytes: 128 << 10}, Logger: slog.New(slog.DiscardHandler)})
	return &stage{t: t, h: h, out: out}
}

// connect makes a live session.
func (s *stage) connect(user string) (transport.Handler, *fakeConn) {
	conn := &fakeConn{}
	c := s.h.Open(conn, "test/1", "")
	feed(c, "CONNECT\naccept-version:1.2\nlogin:%s\n\n\x00", user)
	return c, conn
}

func feed(c transport.Handler, format string, args ...any) {
	c.Data(fmt.Appendf(nil, format, args...))
}

func subscribe(c transport.Handler, id, destination, receipt string) {
	feed(c, "SUBSCRIBE\nid:%s\ndestination:%s\nreceipt:%s\n\n\x00", id, destination, receipt)
}

func (s *stage) entry(data any) roster.Entry {
	s.offset++
	return roster.Entry{Version: schema.Version{Offset: s.offset}, ID: fmt.Sprint(s.offset), Data: data}
}

func (s *stage) deliver(channel string, data ...any) {
	c := mailbox.Channel{Name: channel}
	for _, d := range data {
		c.Entries = append(c.Entries, s.entry(d))
	}
	s.h.Deliver(&mailbox.Delivery{Channels: []mailbox.Channel{c}})
}

// answer gives the state that the newest request asked for.
func (s *stage) answer(channel string, members ...string) {
	s.deliver(channel, state(s.h.requests.Load(), members...))
}

func state(request int64, members ...string) *schema.ChannelState {
	d := &schema.ChannelState{Request: request, Parts: 1}
	for _, m := range members {
		d.Members = append(d.Members, schema.ChannelMember{Member: schema.Member{User: m}})
	}
	return d
}

func joined(user string) *schema.PresenceJoined {
	return &schema.PresenceJoined{Channel: "room", User: user}
}

func message(body string) *schema.MessagePublished {
	return &schema.MessagePublished{Channel: "room", Body: body}
}

func (s *stage) want(what, got string, want ...string) {
	s.t.Helper()
	if w := strings.Join(want, ", "); got != w {
		s.t.Fatalf("%s:\n got %q\nwant %q", what, got, w)
	}
}

// wantSet is want for what has no order.
func (s *stage) wantSet(what, got string, want ...string) {
	s.t.Helper()
	list := strings.Split(got, ", ")
	slices.Sort(list)
	slices.Sort(want)
	s.want(what, strings.Join(list, ", "), want...)
}

// members of the last state or diff that arrived in a frame.
func body(t testing.TB, frame string) (v struct {
	Resync  bool
	Count   int
	Members []schema.Member
}) {
	t.Helper()
	_, b, _ := strings.Cut(strings.TrimSuffix(frame, "\x00"), "\n\n")
	if err := json.Unmarshal([]byte(b), &v); err != nil {
		t.Fatalf("%s: %v", frame, err)
	}
	return v
}

// told0 is told that keeps the events for ack.
func (o *fakeOutbox) told0() string {
	o.mu.Lock()
	events, acked := slices.Clone(o.events), o.acked
	o.mu.Unlock()
	told := o.told()
	o.set(func() { o.events, o.acked = events, acked })
	return told
}
