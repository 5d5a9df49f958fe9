package fold

import (
	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// Name of the fold, part of its outputs' source.
const Name = "presence"

// version changes when the meaning of the entities does. 2: Seen. 3:
// Kicked.
const version = 3

type presence struct{}

// New returns the fold of session.lifecycle.
func New() stream.Fold { return presence{} }

func (presence) Name() string { return Name }

func (presence) Version() int { return version }

// Due asks for a leave.due after a hold's delay, and when the log no longer goes
// back to where a user was seen last, or a kick began to wait. The holds of one session and cause, one
// for each channel, share theirs.
func (presence) Due(_ string, e stream.Entity) (stream.Due, bool) {
	switch e := e.(type) {
	case *Hold:
		return stream.Due{Delay: milliseconds(e.DelayMS), User: e.User, Session: e.Session, Cause: e.Cause}, true
	case *Seen:
		return stream.Due{Aged: true, User: e.User, Session: e.Session, Cause: e.Cause}, true
	case *Kicked:
		return stream.Due{Aged: true, User: e.User, Session: e.Session, Cause: e.Cause}, true
	}
	return stream.Due{}, false
}

// step is the handling of one input.
type step struct {
	*stream.Tx
	in stream.Input
}

// Apply folds one event into the state.
func (presence) Apply(tx *stream.Tx, in stream.Input) {
	s := step{Tx: tx, in: in}
	if in.Fenced {
		s.fenced()
		return
	}
	switch d := in.Data.(type) {
	case *schema.SessionConnected:
		s.connected(d)
	case *schema.SessionSubscribed:
		s.subscribed(d)
	case *schema.SessionUnsubscribed:
		s.unsubscribed(d)
	case *schema.SessionUpdated:
		s.updated(d)
	case *schema.SessionDisconnected:
		s.disconnected(d)
	case *schema.SessionCommand:
		s.command(d)
	case *schema.EdgeStarted:
		s.edgeLost(d.Edge, d.Epoch-1)
	case *schema.EdgeExpired:
		s.edgeLost(d.Edge, d.Epoch)
	case *schema.LeaveDue:
		s.due(d)
	case *schema.OwnerStarted: // the machine keeps it
	default:
		s.Odd(oddMisplaced)
	}
}

// session is the live session of that name.
func (s step) session(user, id string) (*Session, bool) {
	return get[*Session](s, sessionKey(user, id))
}

func get[E stream.Entity](s step, key string) (E, bool) {
	var none E
	e, ok := s.Get(key)
	if !ok {
		return none, false
	}
	return e.(E), true
}

// tell emits an event to the topic and partition where its readers are:
// channel.events by channel, session.lifecycle to the very partition that the
// input came from.
func (s step) tell(t schema.Type, channel string, data any) {
	s.Emit(stream.Output{
		Topic: schema.TopicChannelEvents, Type: t, Subject: channel, Key: channel,
		Partition: stream.AnyPartition, Time: s.in.Event.Time, Data: data,
	})
}

func (s step) tellEnd(d *schema.SessionDisconnected) {
	s.Emit(stream.Output{
		Topic: schema.TopicLifecycle, Type: schema.TypeSessionDisconnected, Subject: d.User, Key: d.User,
		Partition: s.in.Partition, Time: s.in.Event.Time, Data: d,
	})
}
