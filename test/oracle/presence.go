package oracle

import (
	"cmp"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// place is a user in a channel.
type place struct{ user, channel string }

func (p place) String() string { return p.user + " in " + p.channel }

// stay is one session's part in a place.
type stay struct {
	conn     *conn
	possible span          // from when it may, to when it may not be there any more
	sure     []span        // surely there, as far as an edge that lives has acknowledged it
	joined   time.Duration // it has surely joined by then
	acked    time.Duration // so has the log
	end      ending
}

// presence is all that is known of a place.
type presence struct {
	stays []stay
	sure  []span // of all stays, merged
	holds []hold
}

// hold keeps a place surely, unless somebody who came back took it.
type hold struct {
	conn  *conn
	acked time.Duration // of the stay
	span
}

func (w *world) presences() map[place]*presence {
	all := map[place]*presence{}
	add := func(p place, s stay) {
		if all[p] == nil {
			all[p] = &presence{}
		}
		all[p].stays = append(all[p].stays, s)
	}
	for _, c := range w.conns {
		add(place{c.user, schema.Personal(c.user)}, w.stay(c, c.asked, c.told, c.told, c.acked, c.end))
		for _, s := range c.subs {
			if s.role != schema.RoleMember {
				continue
			}
			add(place{c.user, s.channel}, w.stay(c, s.asked, w.surely(s), s.taken, s.acked, sooner(s.end, c.end)))
		}
	}
	for _, p := range all {
		p.settle(w)
	}
	return all
}

// sooner is the end of a subscription by its own or by its connection's,
// whichever came first; where that can't be known, by either.
func sooner(own, conn ending) ending {
	switch {
	case conn.latest < own.earliest:
		return conn
	case own.latest < conn.earliest:
		return own
	}
	either := ending{dead: conn.dead, earliest: min(own.earliest, conn.earliest), latest: min(own.latest, conn.latest),
		shortest: min(own.shortest, conn.shortest), longest: max(own.longest, conn.longest)}
	if len(own.reasons) > 0 && len(conn.reasons) > 0 {
		either.reasons = slices.Concat(own.reasons, conn.reasons)
	}
	return either
}

// surely is from when on a subscription counts: when it was sent, on a
// connection without trouble, of one that the edge has shown it has; its
// receipt may wait for Kafka.
func (w *world) surely(s *sub) time.Duration {
	soon := span{s.asked, s.asked + w.Slack}
	if s.taken == forever || touches(w.faults.links[s.conn.edge], soon) || touches(w.faults.away[s.conn.edge], soon) {
		return s.taken
	}
	return min(s.taken, soon.to)
}

func (w *world) stay(c *conn, asked, from, joined, acked time.Duration, end ending) stay {
	s := stay{conn: c, possible: span{asked, end.latest}, joined: joined, acked: acked, end: end}
	for _, x := range w.expiries(c.edge) {
		s.sure = append(s.sure, span{from, min(x.from, end.earliest)})
		from = max(from, x.to)
		s.joined = max(s.joined, x.to) // announced again
		if x.has(s.acked) && end.earliest <= x.to {
			s.acked = forever // under an epoch that counts for nothing
		}
	}
	s.sure = merge(append(s.sure, span{from, end.earliest}))
	return s
}

func (p *presence) settle(w *world) {
	slices.SortFunc(p.stays, func(a, b stay) int { return cmp.Compare(a.possible.from, b.possible.from) })
	for _, s := range p.stays {
		p.sure = append(p.sure, s.sure...)
		if s.end.dead && s.acked == forever {
			continue // nobody knows of it who could hold its place
		}
		for _, from := range s.sure {
			delay := w.unclean() // of an edge that counts as dead
			if from.to == s.end.earliest {
				delay = s.end.shortest
			}
			if from.to < forever && delay > w.Slack {
				p.holds = append(p.holds, hold{s.conn, s.acked, span{from.to, from.to + delay - w.Slack}})
			}
		}
	}
	p.sure = merge(p.sure)
}

// mayLeave reports whether the user may have been found to have left at some
// time in a span, its end included.
func (p *presence) mayLeave(in span) bool {
	if in.from > in.to {
		return false
	}
	times := []time.Duration{in.from, in.to}
	for _, s := range p.sure {
		times = append(times, s.to)
	}
	for _, h := range p.holds {
		times = append(times, h.to)
	}
	for _, s := range p.stays {
		times = append(times, s.possible.from)
	}
	return slices.ContainsFunc(times, func(t time.Duration) bool { return in.from <= t && t <= in.to && p.absent(t) })
}

// mayLeaveFirst reports whether a leave that takes no grace may be told though
// the user is there: between two edges, order is that of the log, and an
// arrival that waits in one edge's outbox comes after a goodbye through another.
func (p *presence) mayLeaveFirst(reason schema.Reason, in span) bool {
	if !reason.Clean(1000) {
		return false
	}
	var logged presence
	for _, h := range p.holds {
		if h.acked <= h.from {
			logged.holds = append(logged.holds, h)
		}
	}
	for _, s := range p.stays {
		for _, sure := range s.sure {
			logged.sure = append(logged.sure, span{max(sure.from, s.acked), sure.to})
		}
		logged.stays = append(logged.stays, s)
	}
	logged.sure = merge(logged.sure)
	return logged.mayLeave(in)
}

// absent reports whether it is possible that nobody is there and nobody's
// place is held.
func (p *presence) absent(t time.Duration) bool {
	if slices.ContainsFunc(p.sure, func(s span) bool { return s.has(t) }) {
		return false
	}
	held, since := map[*conn]bool{}, forever
	for _, h := range p.holds {
		if h.has(t) {
			held[h.conn], since = true, min(since, h.from)
		}
	}
	taken := 0
	for _, s := range p.stays {
		if s.possible.from <= t && s.joined >= since {
			taken++
		}
	}
	return taken >= len(held)
}

// gap is a time in which the user was surely nowhere in the place: from the
// latest end of all stays before it to the earliest beginning of the next.
type gap struct {
	span
	begun    time.Duration // of what came before it
	acked    bool          // the log has surely known of it
	deadline time.Duration // a leave has to be told by then
	facts    []Fact
}

func (p *presence) gaps(w *world) []gap {
	var gaps []gap
	var g gap
	deadline := time.Duration(0)
	for i, s := range p.stays {
		if i == 0 || s.possible.from >= g.from {
			if i > 0 {
				g.to, g.deadline = s.possible.from, deadline
				gaps = append(gaps, g)
			}
			g = gap{begun: s.possible.from}
		}
		g.from = max(g.from, s.possible.to)
		g.acked = g.acked || s.acked < forever
		g.facts = append(g.facts, s.conn.facts...)
		if s.end.over() && s.possible.to < forever {
			deadline = max(deadline, w.faults.after(s.possible.to, s.end.longest+w.Slack))
		}
	}
	g.to, g.deadline = forever, deadline
	return append(gaps, g)
}
