package fold

import "rollcall.dev/events/schema"

func (s step) hold(session *Session, channel string, why end) {
	h := &Hold{
		User: session.User, Channel: channel, Session: session.ID,
		Cause: why.cause, DelayMS: why.delayMS,
		Reason: why.reason, Initiator: why.initiator, LastSeen: why.lastSeen, EdgeLost: why.edgeLost,
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

// dropHolds ends all holds of a session and names their channels.
func (s step) dropHolds(user, session string) []string {
	var channels []string
	for _, h := range s.holdsOf(user, session) {
		s.Delete(holdKey(h))
		channels = append(channels, h.Channel)
	}
	return union(nil, channels)
}

// due ends what waits for it, the holds of one session and cause or what is
// known of when a user was seen last. Whoever repeats it finds nothing.
func (s step) due(d *schema.LeaveDue) {
	for _, h := range s.holdsOf(d.User, d.Session) {
		if h.Cause != d.Cause {
			continue
		}
		s.Delete(holdKey(h))
		s.settle(h.User, h.Channel, end{session: h.Session, reason: h.Reason, initiator: h.Initiator, lastSeen: h.LastSeen})
	}
	if seen, ok := LastSeen(s, d.User); ok && seen.Session == d.Session && seen.Cause == d.Cause {
		s.Delete(seenKey(d.User))
	}
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
