package fold

import "rollcall.dev/events/schema"

// Kinds of events that can't be, as things stand. Where two of them could mean
// something they still do: a connected of a live session replaces it, and what
// another edge says of a live session holds. The others change nothing; nor does
// what begins a session under another edge or epoch than its source's, for leases
// are of sources, so nothing would ever end it; or one whose edge no command can
// reach, for a command of its whole user would be poison, and reach no other.
const (
	oddConnectedLive       = "connected_live"
	oddSubscribedUnknown   = "subscribed_unknown_session"
	oddUnsubscribedUnknown = "unsubscribed_unknown_session"
	oddNeverSubscribed     = "unsubscribed_never_subscribed"
	oddUpdatedUnknown      = "updated_unknown_session"
	oddDisconnectedUnknown = "disconnected_unknown_session"
	oddOtherEdge           = "other_edge"
	oddNoMailbox           = "no_such_mailbox"
	oddMisplaced           = "misplaced_type"
)

// live is the live session that an event of its edge is about. Of one that was
// never there, or has ended, the event can't be.
func (s step) live(ref schema.Ref, otherwise string) (*Session, bool) {
	s.ofItsEdge(ref)
	session, live := s.session(ref.User, ref.Session)
	switch {
	case !live:
		s.Odd(otherwise)
	case session.Edge != ref.Edge:
		s.Odd(oddOtherEdge)
	}
	return session, live
}

// ofItsEdge reports whether an event's source is the edge and epoch that its data
// name, and notes one that isn't.
func (s step) ofItsEdge(ref schema.Ref) bool {
	from := s.in.Source
	its := from.Kind == schema.SourceEdge && from.Name == ref.Edge && from.Number == ref.Epoch
	if !its {
		s.Odd(oddOtherEdge)
	}
	return its
}

// reachable reports whether there is a mailbox partition of that number, and
// notes one that isn't there.
func (s step) reachable(mailbox int32) bool {
	there := s.Writable(mailbox)
	if !there {
		s.Odd(oddNoMailbox)
	}
	return there
}
