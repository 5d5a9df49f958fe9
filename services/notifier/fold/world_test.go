package fold

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

const partition = 7

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is one partition of the log, the fold that reads it, and the mailboxes
// that it fills.
type world struct {
	t       tester
	store   *stream.Store
	offset  int64
	clock   time.Time
	records []stream.Record
	odd     []string // what was noted
}

func newWorld(t tester) *world {
	return &world{t: t, store: stream.NewStore(New()), clock: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
}

// add appends an event and folds it, through its wire form.
func (w *world) add(typ schema.Type, subject string, fenced bool, data any) []stream.Output {
	w.t.Helper()
	w.clock = w.clock.Add(time.Second)
	stamp := schema.Stamp{Source: schema.TaskSource("presence", "x", 1), Sequence: schema.Sequence{Offset: w.offset}}
	_, value, err := schema.Encode(typ, subject, schema.At(w.clock), stamp, schema.TopicChannelEvents, partition, data)
	if err != nil {
		w.t.Fatal(err)
	}
	event, decoded, err := schema.Decode(value)
	if err != nil {
		w.t.Fatal(err)
	}
	w.records = append(w.records, stream.Record{Offset: w.offset, Key: []byte(subject), Value: value})
	tx := w.store.Begin(stream.Owner{Epoch: -1})
	New().Apply(tx, stream.Input{Partition: partition, Offset: w.offset, Key: subject, Event: event,
		Data: decoded, Source: schema.ParseSource(event.Source), Fenced: fenced})
	w.store.Commit(tx)
	w.odd = append(w.odd, tx.Oddities()...)
	w.offset++
	return tx.Outputs()
}

func (w *world) joined(channel, user string, meta schema.Meta) []stream.Output {
	return w.add(schema.TypePresenceJoined, channel, false,
		&schema.PresenceJoined{Channel: channel, User: user, Meta: meta, Since: schema.At(w.clock)})
}

func (w *world) updated(channel, user string, meta schema.Meta) []stream.Output {
	return w.add(schema.TypePresenceUpdated, channel, false,
		&schema.PresenceUpdated{Channel: channel, User: user, Meta: meta})
}

func (w *world) left(channel, user string) []stream.Output {
	return w.add(schema.TypePresenceLeft, channel, false,
		&schema.PresenceLeft{Channel: channel, User: user, Reason: schema.ReasonConnectionLost})
}

func (w *world) message(channel, body string) []stream.Output {
	return w.add(schema.TypeMessagePublished, channel, false, &schema.MessagePublished{Channel: channel, Body: body})
}

func (w *world) interested(channel, edge string, epoch, request int64) []stream.Output {
	return w.add(schema.TypeEdgeInterested, channel, false,
		&schema.EdgeInterested{Channel: channel, Edge: edge, Epoch: epoch, MailboxPartition: 5, Request: request})
}

func (w *world) uninterested(channel, edge string, epoch int64) []stream.Output {
	return w.add(schema.TypeEdgeUninterested, channel, false,
		&schema.EdgeUninterested{Channel: channel, Edge: edge, Epoch: epoch})
}

func (w *world) started(edge string, epoch int64) []stream.Output {
	return w.add(schema.TypeEdgeStarted, "", false, &schema.EdgeStarted{Edge: edge, Epoch: epoch})
}

func (w *world) expired(edge string, epoch int64) []stream.Output {
	return w.add(schema.TypeEdgeExpired, "", false, &schema.EdgeExpired{Edge: edge, Epoch: epoch})
}

func (w *world) expect(outputs []stream.Output, want string) {
	w.t.Helper()
	var all []string
	for _, out := range outputs {
		all = append(all, inWords(w.t, out))
	}
	if got := strings.Join(all, "; "); got != want {
		w.t.Fatalf("offset %d\n got: %s\nwant: %s", w.offset-1, got, want)
	}
}

// inWords tells an entry: to whom, what, of which version.
func inWords(t tester, out stream.Output) string {
	t.Helper()
	e := out.Mailbox.Entry
	to := fmt.Sprintf("%s/%d %s %s", out.Mailbox.Edge, out.Mailbox.Epoch, e.Channel, e.Version)
	switch e.Type {
	case schema.MailboxState:
		state := decode[schema.ChannelState](t, e.Data)
		var users []string
		for _, m := range state.Members {
			users = append(users, fmt.Sprintf("%s@%d", m.User, m.Joined))
		}
		return fmt.Sprintf("%s state#%d [%s]", to, state.Request, strings.Join(users, " "))
	case schema.TypePresenceJoined:
		return to + " joined " + decode[schema.PresenceJoined](t, e.Data).User
	case schema.TypePresenceUpdated:
		return to + " updated " + decode[schema.PresenceUpdated](t, e.Data).User
	case schema.TypePresenceLeft:
		return to + " left " + decode[schema.PresenceLeft](t, e.Data).User
	case schema.TypeMessagePublished:
		return to + " message " + decode[schema.MessagePublished](t, e.Data).Body
	}
	return to + " " + string(e.Type)
}

func decode[T any](t tester, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// cache is what an edge makes of its mailbox for one channel: empty until the
// answer to its newest request, then the state and every change above it.
type cache struct {
	request int64
	filled  bool
	version schema.Version
	members map[string]schema.Meta
}

func (c *cache) ask(request int64) { *c = cache{request: request} }

// take applies one entry. Joins of a present member and ends of an absent one
// are faults of the fold.
func (c *cache) take(t tester, e schema.MailboxEntry) {
	t.Helper()
	if e.Type == schema.MailboxState {
		c.fill(t, e)
		return
	}
	if !c.filled {
		return
	}
	if e.Version.Offset <= c.version.Offset {
		t.Fatalf("version %s comes after %s", e.Version, c.version)
	}
	c.version = e.Version
	d := decode[schema.PresenceJoined](t, e.Data)
	_, here := c.members[d.User]
	switch e.Type {
	case schema.TypePresenceJoined, schema.TypePresenceUpdated:
		if here != (e.Type == schema.TypePresenceUpdated) {
			t.Fatalf("%s of %s at %s, who is there: %v", e.Type, d.User, e.Version, here)
		}
		c.members[d.User] = d.Meta
	case schema.TypePresenceLeft:
		if !here {
			t.Fatalf("%s left at %s and wasn't there", d.User, e.Version)
		}
		delete(c.members, d.User)
	}
}

func (c *cache) fill(t tester, e schema.MailboxEntry) {
	t.Helper()
	state := decode[schema.ChannelState](t, e.Data)
	if state.Request != c.request {
		return
	}
	if state.Part == 0 {
		c.members = map[string]schema.Meta{}
	}
	for _, m := range state.Members {
		c.members[m.User] = m.Meta
	}
	c.version, c.filled = e.Version, state.Part == state.Parts-1
}

func (c *cache) holds(want map[string]schema.Meta) bool {
	return maps.EqualFunc(c.members, want, func(a, b schema.Meta) bool { return maps.Equal(a, b) })
}
