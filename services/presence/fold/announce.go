package fold

import (
	"slices"

	"rollcall.dev/events/schema"
)

// connected begins a session, or replaces one whole that is announced again.
func (s step) connected(d *schema.SessionConnected) {
	if !s.ofItsEdge(d.Ref) || !s.reachable(d.MailboxPartition) {
		s.disown(d)
		return
	}
	known, live := s.session(d.User, d.Session)
	if live && !d.Reannounced {
		s.Odd(oddConnectedLive)
	}
	next := s.announced(d, known)
	if live || d.Reannounced {
		s.replace(known, next)
		return
	}
	s.change(nil, next)
}

// announced makes the session of an announcement. What the log has said about
// it before and an announcement doesn't repeat is kept.
func (s step) announced(d *schema.SessionConnected, known *Session) *Session {
	next := &Session{
		User: d.User, ID: d.Session, Edge: d.Edge, Epoch: d.Epoch, MailboxPartition: d.MailboxPartition,
		Protocol: d.Protocol, UserAgent: d.UserAgent,
		Meta: d.Meta, Status: d.Status, Said: len(d.Meta) > 0 || d.Status != "",
		Connected: s.in.Offset, ConnectedAt: d.ConnectedAt,
		Subscriptions: sorted(d.Subscriptions),
	}
	if next.ConnectedAt.IsZero() {
		next.ConnectedAt = s.in.Event.Time
	}
	if known != nil {
		next.Connected, next.ConnectedAt = known.Connected, known.ConnectedAt
		next.Said = next.Said || known.Said
		next.Kick = known.Kick
	}
	return next
}

// replace puts a session that is announced again in the place of all that was
// known of it, its own holds included. It takes nobody else's hold: nobody has
// come back. Channels that it names no longer are left as by unsubscribing.
func (s step) replace(known, next *Session) {
	held, kick := s.dropHolds(next.User, next.ID)
	if kick != nil {
		next.Kick = kick
	}
	channels := union(known.channels(), held)
	s.Put(sessionKey(next.User, next.ID), next)
	for _, channel := range union(next.channels(), channels) {
		if next.member(channel) {
			s.settle(next.User, channel, end{})
		} else {
			s.release(next, channel, s.unsubscribedEnd())
		}
	}
	if next.Kick != nil {
		// The kick may have met an epoch that was over, or none.
		s.pass(next, &schema.SessionCommand{User: next.User, Session: next.ID,
			Action: schema.ActionKick, Note: next.Kick.Note})
	}
}

// subscribed adds a subscription; one of the same id is replaced.
func (s step) subscribed(d *schema.SessionSubscribed) {
	if before, live := s.live(d.Ref, oddSubscribedUnknown); live {
		next := *before
		next.Subscriptions = sorted(append(slices.Clone(before.Subscriptions), d.Subscription))
		s.change(before, &next)
	}
}

// unsubscribed takes the subscription of that id away.
func (s step) unsubscribed(d *schema.SessionUnsubscribed) {
	before, live := s.live(d.Ref, oddUnsubscribedUnknown)
	if !live {
		return
	}
	next := *before
	next.Subscriptions = slices.DeleteFunc(slices.Clone(before.Subscriptions),
		func(sub schema.Subscription) bool { return sub.ID == d.ID })
	if len(next.Subscriptions) == len(before.Subscriptions) {
		s.Odd(oddNeverSubscribed)
		return
	}
	s.change(before, &next)
}

// updated replaces meta and status.
func (s step) updated(d *schema.SessionUpdated) {
	before, live := s.live(d.Ref, oddUpdatedUnknown)
	if !live {
		return
	}
	next := *before
	next.Meta, next.Status, next.Said = d.Meta, d.Status, true
	s.Put(sessionKey(d.User, d.Session), &next)
	for _, channel := range next.channels() {
		s.settle(d.User, channel, end{})
	}
}

// change puts next in the place of before (nil for a new session). Where it
// has come in, it takes the place of the oldest hold of its user: that one has
// come back. Where it is no longer, it leaves.
func (s step) change(before, next *Session) {
	s.Put(sessionKey(next.User, next.ID), next)
	for _, channel := range union(before.channels(), next.channels()) {
		was, is := before.member(channel), next.member(channel)
		switch {
		case is && !was:
			s.takeHold(next.User, channel)
			s.settle(next.User, channel, end{})
		case was && !is:
			s.release(next, channel, s.unsubscribedEnd())
		}
	}
}

// union is a, followed by what else is in b.
func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, channel := range b {
		if !slices.Contains(a, channel) {
			all = append(all, channel)
		}
	}
	return all
}
