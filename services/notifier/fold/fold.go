package fold

import (
	"encoding/json"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// Name of the fold, part of its outputs' source.
const Name = "notifier"

// version changes when the meaning of the entities does. 2: Seen.
const version = 2

type notifier struct{}

// New returns the fold of channel.events.
func New() stream.Fold { return notifier{} }

func (notifier) Name() string { return Name }

func (notifier) Version() int { return version }

// Due asks for a leave.due when the log no longer goes back to where a user was
// seen last.
func (notifier) Due(_ string, e stream.Entity) (stream.Due, bool) {
	seen, ok := e.(*Seen)
	if !ok {
		return stream.Due{}, false
	}
	return stream.Due{Aged: true, User: seen.User, Cause: seen.Cause}, true
}

// step is the handling of one input.
type step struct {
	*stream.Tx
	in stream.Input
}

// Apply folds one event into the state. To an edge's epoch that is over it
// owes no answer. But a message changes nothing, and one that waited in the
// outbox of an edge that was cut off was acknowledged to its sender.
func (notifier) Apply(tx *stream.Tx, in stream.Input) {
	s := step{Tx: tx, in: in}
	if in.Fenced {
		if d, ok := in.Data.(*schema.MessagePublished); ok && in.Expired {
			s.pass(d.Channel, in.Event.Type)
		}
		return
	}
	switch d := in.Data.(type) {
	case *schema.PresenceJoined:
		if s.here(d.Channel, schema.Member{User: d.User, Since: d.Since, Meta: d.Meta, Status: d.Status}) {
			s.Odd(oddJoinedPresent)
		}
	case *schema.PresenceUpdated:
		if !s.here(d.Channel, schema.Member{User: d.User, Since: d.Since, Meta: d.Meta, Status: d.Status}) {
			s.Odd(oddUpdatedAbsent)
		}
	case *schema.PresenceLeft:
		s.left(d)
	case *schema.MessagePublished:
		s.pass(d.Channel, in.Event.Type)
	case *schema.EdgeInterested:
		s.interested(d)
	case *schema.EdgeUninterested:
		s.uninterested(d)
	case *schema.LeaveDue:
		s.due(d)
	case *schema.EdgeStarted:
		s.edgeOver(d.Edge, d.Epoch-1)
	case *schema.EdgeExpired:
		s.edgeOver(d.Edge, d.Epoch)
	case *schema.OwnerStarted: // the machine keeps it
	default:
		s.Odd(oddMisplaced)
	}
}

func get[E stream.Entity](s step, key string) (E, bool) {
	var none E
	e, ok := s.Get(key)
	if !ok {
		return none, false
	}
	return e.(E), true
}

// pass tells every interested edge the event, as one of the type.
func (s step) pass(channel string, as schema.Type) {
	for _, e := range s.Scan(join(kindInterest, channel)) {
		s.send(e.(*Interest), as, s.in.Event.Data)
	}
}

// send puts one entry into an edge's mailbox. What it says holds as of the
// input's position.
func (s step) send(to *Interest, as schema.Type, data json.RawMessage) {
	s.Emit(stream.Output{Topic: schema.TopicMailbox, Time: s.in.Event.Time, Mailbox: &stream.MailboxOutput{
		Edge: to.Edge, Epoch: to.Epoch, Partition: to.MailboxPartition,
		Entry: schema.MailboxEntry{
			Type:    as,
			Channel: to.Channel,
			Version: schema.Version{Partition: s.in.Partition, Offset: s.in.Offset},
			ID:      s.in.Event.ID,
			Time:    s.in.Event.Time,
			Data:    data,
		},
	}})
}
