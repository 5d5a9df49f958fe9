package fold

import "rollcall.dev/events/schema"

// settle tells what has changed for a user in a channel, if anything: it
// compares what is with what was told. The end is that of the event which is
// handled, the reason of a leave.
func (s step) settle(user, channel string, why end) {
	key := membershipKey(user, channel)
	told, was := get[*Membership](s, key)
	live, speaker := s.present(user, channel)
	switch {
	case live && !was:
		s.join(key, user, channel, speaker)
	case was && !live && s.held(user, channel):
		s.inherit(user, channel, why)
	case was && !live:
		s.Delete(key)
		if channel == schema.Personal(user) {
			s.Put(seenKey(user), &Seen{User: user, Session: why.session, LastSeen: why.lastSeen,
				Reason: why.reason, Initiator: why.initiator, Cause: s.in.Offset})
		}
		s.tell(schema.TypePresenceLeft, channel, &schema.PresenceLeft{
			Channel: channel, User: user, Reason: why.reason, Initiator: why.initiator,
			Since: told.Since, LastSeen: why.lastSeen,
		})
	case was && speaker != nil && !told.says(speaker.Meta, speaker.Status):
		next := *told
		next.Meta, next.Status = speaker.Meta, speaker.Status
		s.Put(key, &next)
		s.tell(schema.TypePresenceUpdated, channel, &schema.PresenceUpdated{
			Channel: channel, User: user, Meta: next.Meta, Status: next.Status, Since: next.Since,
		})
	}
}

func (s step) join(key, user, channel string, speaker *Session) {
	m := &Membership{User: user, Channel: channel, Since: s.in.Event.Time}
	if speaker != nil {
		m.Meta, m.Status = speaker.Meta, speaker.Status
	}
	s.Put(key, m)
	if channel == schema.Personal(user) {
		s.Delete(seenKey(user))
	}
	s.tell(schema.TypePresenceJoined, channel, &schema.PresenceJoined{
		Channel: channel, User: user, Meta: m.Meta, Status: m.Status, Since: m.Since,
	})
}

// present reports whether a live session of the user is in the channel, and
// the one that speaks for the user: the newest that has said anything.
func (s step) present(user, channel string) (live bool, speaker *Session) {
	for _, e := range s.Scan(join(kindSession, user)) {
		session := e.(*Session)
		if !session.member(channel) {
			continue
		}
		live = true
		if session.Said && (speaker == nil || session.Connected > speaker.Connected) {
			speaker = session
		}
	}
	return live, speaker
}
