package fold

import "rollcall.dev/events/schema"

func (s step) hold(session *Session, channel string, why end) {
	h := &Hold{
		User: session.User, Channel: channel, Session: session.ID,
		Cause: why.cause, DelayMS: why.delayMS,
		Reason: why.reason, Initiator: why.initiator, LastSeen: why.lastSeen, EdgeLost: why.edgeLost,
	}
	if h.EdgeLost && channel == schema.Personal(session.User) {
		h.Kick = session.Kick
	}
	s.Put(holdKey(h), h)
}

// takeHold ends the oldest hold in a channel, for a session of the user that
// has come in. One held for a lost edge stays: that session may still live.
func (s step) takeHold(user, channel string) {
	for key, e := range s.Scan(join(kindHold, user, channel)) {
		if !e.(*Hold).EdgeLost {
			s.Delete(key)
			return
		}
	}
}

// dropHolds ends all holds of a session. It names their channels, and the kick
// that has come while its edge was lost.
func (s step) dropHolds(user, session string) (channels []string, kick *Kick) {
	kick = s.takeKick(user, session)
	for _, h := range s.holdsOf(user, session) {
		s.Delete(holdKey(h))
		channels = append(channels, h.Channel)
		if h.Kick != nil {
			kick = h.Kick
		}
	}
	return union(nil, channels), kick
}

// inherit gives the holds of a user in a channel a later moment at which the
// user was seen there: that of a session which has ended after theirs, and holds
// nothing any more.
func (s step) inherit(user, channel string, why end) {
	for key, e := range s.Scan(join(kindHold, user, channel)) {
		if h := e.(*Hold); h.Cause < why.cause && h.LastSeen != why.lastSeen {
			next := *h
			next.LastSeen = why.lastSeen
			s.Put(key, &next)
		}
	}
}

// due ends what waits for it, the holds of one session and cause, or what is
// known of when a user was seen last and of a kick. Whoever repeats it finds
// nothing.
func (s step) due(d *schema.LeaveDue) {
	for _, h := range s.holdsOf(d.User, d.Session) {
		if h.Cause != d.Cause {
			continue
		}
		s.Delete(holdKey(h))
		s.keepKick(h.User, h.Session, h.Kick)
		s.settle(h.User, h.Channel, end{session: h.Session, cause: h.Cause,
			reason: h.Reason, initiator: h.Initiator, lastSeen: h.LastSeen})
	}
	if seen, ok := LastSeen(s, d.User); ok && seen.Session == d.Session && seen.Cause == d.Cause {
		s.Delete(seenKey(d.User))
	}
	s.forgetKick(d)
}

func (s step) holdsOf(user, session string) []*Hold {
	var holds []*Hold
	for _, e := range s.Scan(join(kindHold, user)) {
		if h := e.(*Hold); h.Session == session {
			holds = append(holds, h)
		}
	}
	return holds
}

func (s step) held(user, channel string) bool {
	for range s.Scan(join(kindHold, user, channel)) {
		return true
	}
	return false
}
