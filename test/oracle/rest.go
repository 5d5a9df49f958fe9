package oracle

import (
	"maps"
	"math"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// checkRest: once all is quiet the roster of the log and of everybody is who is
// there.
func checkRest(w *world, l *publicLog, r *Report) {
	if w.quiet == forever {
		return
	}
	channels := w.channels()
	if len(l.entries) > 0 {
		for _, channel := range slices.Sorted(maps.Keys(channels)) {
			members := map[string]schema.Member{}
			for user, c := range l.roster(channel, math.MaxInt64) {
				members[user] = *c.member
			}
			r.Counts.Rosters++
			w.compare(r, "the log", channel, members, channels[channel])
		}
	}
	for _, c := range w.conns {
		for _, s := range c.subs {
			if s.end.over() || c.end.over() || len(s.frames) == 0 {
				continue
			}
			if members, whole := s.roster(); whole {
				r.Counts.Rosters++
				w.compare(r, c.id+" on "+c.edge, s.channel, members, channels[s.channel])
			}
		}
	}
}

// channels names the users that were ever in each channel.
func (w *world) channels() map[string][]string {
	all := map[string][]string{}
	for p := range w.places {
		all[p.channel] = append(all[p.channel], p.user)
	}
	return all
}

func (w *world) compare(r *Report, who, channel string, members map[string]schema.Member, users []string) {
	for _, user := range users {
		p := w.places[place{user, channel}]
		m, here := members[user]
		delete(members, user)
		switch sure, possible := p.at(w.quiet); {
		case here && !possible && w.gone(p):
			r.add("ghost", p.story(w.quiet), "%s has %s in %s at rest", who, user, channel)
		case !here && sure:
			r.add("missing", p.story(w.quiet), "%s hasn't %s in %s at rest", who, user, channel)
		case here && sure:
			if want, ok := w.says(user); ok && !maps.Equal(m.Meta, want) {
				r.add("meta", p.story(w.quiet), "%s has %s with %v in %s at rest, want %v", who, user, m.Meta, channel, want)
			}
		}
	}
	for user := range members {
		r.add("ghost", nil, "%s has %s in %s at rest, who was never there", who, user, channel)
	}
}

// at reports whether the user is surely, or possibly, in the place.
func (p *presence) at(t time.Duration) (sure, possible bool) {
	for _, s := range p.sure {
		sure = sure || s.has(t)
	}
	for _, s := range p.stays {
		possible = possible || s.possible.has(t)
	}
	return sure, possible
}

// gone: the leave had to be told by now.
func (w *world) gone(p *presence) bool {
	gaps := p.gaps(w)
	return gaps[len(gaps)-1].deadline <= w.quiet
}

// says is the meta of a user with one session, once it is certain.
func (w *world) says(user string) (schema.Meta, bool) {
	var one *conn
	for _, c := range w.conns {
		if c.user != user || c.end.latest <= w.quiet && w.faults.after(c.end.latest, c.end.longest+w.Slack) <= w.quiet {
			continue
		}
		if one != nil {
			return nil, false
		}
		one = c
	}
	if one == nil || one.meta == nil {
		return nil, false
	}
	return one.meta, true
}

// roster is the last one that the subscription knows, whole reports whether
// every member is named.
func (s *sub) roster() (members map[string]schema.Member, whole bool) {
	st := &stream{sub: s, log: &publicLog{}, report: &Report{}}
	for _, f := range s.frames {
		st.take(f)
	}
	return st.members, st.members != nil && !st.partial
}
