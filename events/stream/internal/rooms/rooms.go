// Package rooms is a whole third service in one file: it tells who of a user's
// sessions has come and, after a delay, gone. It stands for presence and
// notifier in the tests of the runtime, and shows what a service has to bring.
package rooms

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/pack"
)

// Session is the one kind of entity. Cause is set while the session is over
// but its delay isn't.
type Session struct {
	User, Session, Edge string
	Epoch               int64
	Mailbox             int32
	Cause               int64
	Aged                bool
	DelayMS             int64
	Note                string
	// Visits counts how often it has come: what is folded twice shows.
	Visits int
}

// What a session's status makes the fold do, for tests.
const (
	StatusPanic = "panic"  // panic after a change and an output
	StatusLarge = "large"  // an output that no broker takes
	StatusBloat = "bloat:" // an entity with a note as long as the rest says
	StatusAged  = "aged"   // gone once the log no longer goes back to its coming
)

// Fold implements fold.Fold.
type Fold struct{}

// Name implements fold.Fold.
func (Fold) Name() string { return "rooms" }

// Version implements fold.Fold.
func (Fold) Version() int { return 1 }

// Decode implements fold.Fold.
func (Fold) Decode(_ string, value []byte) (fold.Entity, error) {
	s := new(Session)
	return s, json.Unmarshal(value, s)
}

// Encode implements fold.Fold.
func (Fold) Encode(dst []byte, _ string, e fold.Entity) ([]byte, error) {
	value, err := json.Marshal(e)
	return append(dst, value...), err
}

// Pack implements fold.Fold.
func (Fold) Pack(dst []byte, _ string, e fold.Entity) []byte {
	s, w := e.(*Session), pack.Writer(dst)
	for _, text := range []string{s.User, s.Session, s.Edge, s.Note} {
		w.Text(text)
	}
	for _, n := range []int64{s.Epoch, int64(s.Mailbox), s.Cause, s.DelayMS, int64(s.Visits)} {
		w.Number(n)
	}
	w.Flag(s.Aged)
	return w
}

// Unpack implements fold.Fold.
func (Fold) Unpack(_, packed string) fold.Entity {
	r := pack.Reader(packed)
	return &Session{
		User: r.Text(), Session: r.Text(), Edge: r.Text(), Note: r.Text(),
		Epoch: r.Number(), Mailbox: int32(r.Number()), Cause: r.Number(), DelayMS: r.Number(), Visits: int(r.Number()),
		Aged: r.Flag(),
	}
}

// Plain implements fold.Fold.
func (Fold) Plain(string) bool { return false }

// Index implements fold.Fold.
func (Fold) Index(_ string, e fold.Entity) []string {
	return []string{"e\x00" + e.(*Session).Edge + "\x00"}
}

// Due implements fold.Fold.
func (Fold) Due(_ string, e fold.Entity) (fold.Due, bool) {
	s := e.(*Session)
	return fold.Due{
		Aged:  s.Aged,
		Delay: time.Duration(s.DelayMS) * time.Millisecond,
		User:  s.User, Session: s.Session, Cause: s.Cause,
	}, s.Cause != 0
}

// Key of a session.
func Key(user, session string) string { return "s\x00" + user + "\x00" + session }

// Apply implements fold.Fold.
func (f Fold) Apply(tx *fold.Tx, in fold.Input) {
	switch d := in.Data.(type) {
	case *schema.SessionConnected:
		f.connected(tx, in, d)
	case *schema.SessionDisconnected:
		if s, ok := get(tx, d.User, d.Session); ok && !in.Fenced && s.Cause == 0 {
			f.end(tx, in, s)
		}
	case *schema.LeaveDue:
		if s, ok := get(tx, d.User, d.Session); ok && s.Cause == d.Cause {
			f.left(tx, in, s)
		}
	case *schema.EdgeStarted:
		f.lost(tx, in, d.Edge, d.Epoch-1)
	case *schema.EdgeExpired:
		f.lost(tx, in, d.Edge, d.Epoch)
	}
}

func get(tx *fold.Tx, user, session string) (*Session, bool) {
	e, ok := tx.Get(Key(user, session))
	if !ok {
		return nil, false
	}
	return e.(*Session), true
}

func (f Fold) connected(tx *fold.Tx, in fold.Input, d *schema.SessionConnected) {
	s := &Session{User: d.User, Session: d.Session, Edge: d.Edge, Epoch: d.Epoch, Mailbox: d.MailboxPartition}
	if in.Fenced {
		if _, live := get(tx, d.User, d.Session); !live {
			f.disconnected(tx, in, s)
		}
		return
	}
	if before, ok := get(tx, d.User, d.Session); ok {
		s.Visits = before.Visits
	}
	s.Visits++
	if d.Status == StatusAged {
		s.Aged, s.Cause = true, in.Offset
	}
	var n int
	if _, err := fmt.Sscanf(d.Status, StatusBloat+"%d", &n); err == nil {
		s.Note = strings.Repeat("n", n)
	}
	tx.Put(Key(d.User, d.Session), s)
	joined := schema.PresenceJoined{Channel: schema.Personal(d.User), User: d.User, Status: d.Status,
		Meta: schema.Meta{"visits": strconv.Itoa(s.Visits)}}
	if d.Status == StatusLarge {
		joined.Meta["large"] = string(make([]byte, fold.MaxOutput))
	}
	tx.Emit(event(in, schema.TypePresenceJoined, &joined, d.User))
	raw, _ := json.Marshal(&joined)
	tx.Emit(fold.Output{Mailbox: &fold.MailboxOutput{Edge: d.Edge, Epoch: d.Epoch, Partition: d.MailboxPartition,
		Entry: schema.MailboxEntry{Type: schema.TypePresenceJoined, Channel: joined.Channel, Time: in.Event.Time, Data: raw}}})
	if d.Status == StatusPanic {
		panic("told to")
	}
}

func (f Fold) lost(tx *fold.Tx, in fold.Input, edge string, upTo int64) {
	for _, e := range tx.ScanIndex("e\x00" + edge + "\x00") {
		if s := e.(*Session); s.Epoch <= upTo && s.Cause == 0 {
			f.disconnected(tx, in, s)
			f.end(tx, in, s)
		}
	}
}

// end begins the delay of a session's end, or tells it at once.
func (f Fold) end(tx *fold.Tx, in fold.Input, s *Session) {
	held := *s
	held.Cause, held.DelayMS = in.Offset, tx.Owner().Delays.UncleanMS
	if held.DelayMS == 0 {
		f.left(tx, in, s)
		return
	}
	tx.Put(Key(s.User, s.Session), &held)
}

func (f Fold) left(tx *fold.Tx, in fold.Input, s *Session) {
	tx.Delete(Key(s.User, s.Session))
	tx.Emit(event(in, schema.TypePresenceLeft, &schema.PresenceLeft{
		Channel: schema.Personal(s.User), User: s.User, Reason: schema.ReasonConnectionLost}, s.User))
}

func (f Fold) disconnected(tx *fold.Tx, in fold.Input, s *Session) {
	o := event(in, schema.TypeSessionDisconnected, &schema.SessionDisconnected{
		Ref:    schema.Ref{Session: s.Session, User: s.User, Edge: s.Edge, Epoch: s.Epoch},
		Reason: schema.ReasonEdgeLost, Initiator: schema.InitiatorNetwork}, s.User)
	o.Topic, o.Key, o.Partition = schema.TopicLifecycle, s.User, in.Partition
	tx.Emit(o)
}

func event(in fold.Input, t schema.Type, data any, user string) fold.Output {
	return fold.Output{Topic: schema.TopicChannelEvents, Type: t, Subject: schema.Personal(user),
		Key: schema.Personal(user), Partition: fold.AnyPartition, Time: in.Event.Time, Data: data}
}
