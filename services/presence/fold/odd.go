package fold

import "rollcall.dev/events/schema"

// Kinds of events that can't be, as things stand. Where two of them could mean
// something they still do: a connected of a live session replaces it, and what
// another edge says of a session holds. The others change nothing.
const (
	oddConnectedLive       = "connected_live"
	oddSubscribedUnknown   = "subscribed_unknown_session"
	oddUnsubscribedUnknown = "unsubscribed_unknown_session"
	oddNeverSubscribed     = "unsubscribed_never_subscribed"
	oddUpdatedUnknown      = "updated_unknown_session"
	oddDisconnectedUnknown = "disconnected_unknown_session"
	oddOtherEdge           = "other_edge"
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

// ofItsEdge notes an event whose source is another edge, or another epoch, than
// its data name.
func (s step) ofItsEdge(ref schema.Ref) {
	if from := s.in.Source; from.Kind == schema.SourceEdge && (from.Name != ref.Edge || from.Number != ref.Epoch) {
		s.Odd(oddOtherEdge)
	}
}
