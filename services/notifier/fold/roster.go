package fold

import "rollcall.dev/events/schema"

// here puts a member as the event says. Whether that is told as a join or as
// an update follows from the roster, so that edges hear of each join once; a
// repeat of what is known isn't told at all. It reports whether the user was
// there before.
func (s step) here(channel string, m schema.Member) (was bool) {
	key := memberKey(channel, m.User)
	known, was := get[*Member](s, key)
	next := &Member{schema.ChannelMember{Member: m, Joined: s.in.Offset}}
	if !was {
		s.Put(key, next)
		s.count(channel, +1)
		s.Delete(seenKey(channel))
		s.pass(channel, schema.TypePresenceJoined)
		return false
	}
	if known.says(m.Meta, m.Status) {
		return true
	}
	next.Joined, next.Since = known.Joined, known.Since
	s.Put(key, next)
	s.pass(channel, schema.TypePresenceUpdated)
	return true
}

func (s step) left(d *schema.PresenceLeft) {
	key := memberKey(d.Channel, d.User)
	if _, was := s.Get(key); !was {
		s.Odd(oddLeftAbsent)
		return
	}
	s.Delete(key)
	s.count(d.Channel, -1)
	if d.Channel == schema.Personal(d.User) && !d.LastSeen.IsZero() {
		s.Put(seenKey(d.Channel), &Seen{User: d.User, LastSeen: d.LastSeen, Cause: s.in.Offset})
	}
	s.pass(d.Channel, schema.TypePresenceLeft)
}

// due forgets when a user was seen last.
func (s step) due(d *schema.LeaveDue) {
	key := seenKey(schema.Personal(d.User))
	if seen, ok := get[*Seen](s, key); ok && seen.Cause == d.Cause {
		s.Delete(key)
	}
}

func (s step) count(channel string, by int) {
	key := channelKey(channel)
	next := Channel{Name: channel}
	if known, ok := get[*Channel](s, key); ok {
		next = *known
	}
	next.Count += by
	if next.Count == 0 {
		s.Delete(key)
		return
	}
	s.Put(key, &next)
}
