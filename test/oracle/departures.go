package oracle

import (
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// checkLefts: nobody is told to have left who was there, or back within the
// grace.
func checkLefts(w *world, l *publicLog, r *Report) {
	for _, e := range l.lefts {
		d := e.data.(*schema.PresenceLeft)
		p := w.places[place{d.User, d.Channel}]
		if p == nil {
			r.add("false left", []string{e.String()}, "%s was never in %s", d.User, d.Channel)
			continue
		}
		r.Counts.Lefts++
		decided := span{0, e.At}
		if !w.Origin.IsZero() {
			decided.from = min(e.event.Time.Sub(w.Origin)-w.Slack, e.At)
		}
		if !p.mayLeave(decided) && !p.mayLeaveFirst(d.Reason, decided) {
			r.add("false left", append([]string{e.String()}, p.story(e.At)...), "%s was told to have left %s and was there, or back in time", d.User, d.Channel)
		}
	}
}

// checkDepartures: everybody who left is told so in time, to the log and to
// each who listened all the while.
func checkDepartures(w *world, l *publicLog, r *Report) {
	listeners := w.listeners()
	for at, p := range w.places {
		for _, g := range p.gaps(w) {
			switch {
			case g.from >= w.quiet:
			case g.to < forever && !p.mayLeave(span{g.from, g.to}):
				r.Counts.Stays++
			case g.acked && g.to >= g.deadline && g.deadline <= w.quiet:
				checkDeparture(l, at, g, listeners[at.channel], r)
			}
		}
	}
}

func checkDeparture(l *publicLog, at place, g gap, listeners []*listener, r *Report) {
	r.Counts.Departures++
	if len(l.entries) > 0 {
		switch c := l.last(at.channel, at.user, g.deadline); {
		case c == nil:
			r.add("missed join", lines(g.facts), "%s was acknowledged, the log never says so", at)
		case c.member != nil:
			r.add("missed left", append([]string{c.entry.String()}, lines(g.facts)...), "%s is gone since %v at the latest, the log doesn't say so by %v", at, g.from, g.deadline)
		}
	}
	for _, x := range listeners {
		if x.from >= g.from || x.to <= g.deadline {
			continue
		}
		seen, here := x.seen(at.user, span{g.begun, g.deadline})
		if seen {
			r.Counts.Told++
		}
		if here {
			r.add("missed left", append(lines(x.sub.conn.facts), lines(g.facts)...), "%s is gone since %v at the latest, %s on %s isn't told by %v",
				at, g.from, x.sub.conn.id, x.sub.conn.edge, g.deadline)
		}
	}
}

// listener is a subscription with what it knew of its channel's members.
type listener struct {
	sub  *sub
	from time.Duration // its first state
	to   time.Duration
	news []news
}

// news is what was told of a user, or of all by a state.
type news struct {
	at      time.Duration
	user    string
	present bool
}

func (w *world) listeners() map[string][]*listener {
	all := map[string][]*listener{}
	for _, c := range w.conns {
		for _, s := range c.subs {
			if x := listen(s); x.from < forever {
				all[s.channel] = append(all[s.channel], x)
			}
		}
	}
	return all
}

func listen(s *sub) *listener {
	x := &listener{sub: s, from: forever, to: min(s.end.earliest, s.conn.end.earliest)}
	members := map[string]bool{}
	for _, f := range s.frames {
		frame, err := decodeFrame(f.Body)
		switch {
		case err != nil || frame.Truncated:
		case frame.Type == schema.ClientPresenceState:
			x.from = min(x.from, f.At)
			for user := range members {
				x.news = append(x.news, news{f.At, user, false})
			}
			clear(members)
			frame.Joined = frame.Members
			fallthrough
		case frame.Type == schema.ClientPresenceDiff:
			for _, d := range frame.Left {
				delete(members, d.User)
				x.news = append(x.news, news{f.At, d.User, false})
			}
			for _, m := range frame.Joined {
				members[m.User] = true
				x.news = append(x.news, news{f.At, m.User, true})
			}
		}
	}
	return x
}

// seen reports whether the user was in the roster at some time of a span, and
// whether still at its end.
func (x *listener) seen(user string, in span) (some, end bool) {
	for _, n := range x.news {
		if n.user == user && n.at <= in.to {
			end = n.present
			some = some || n.present && n.at >= in.from
		}
	}
	return some, end
}

// story tells of a place from all its connections, about a time.
func (p *presence) story(about time.Duration) []string {
	var facts []Fact
	for i, s := range p.stays {
		if !slices.ContainsFunc(p.stays[:i], func(o stay) bool { return o.conn == s.conn }) {
			facts = append(facts, s.conn.facts...)
		}
	}
	slices.SortStableFunc(facts, byTime)
	after := slices.IndexFunc(facts, func(f Fact) bool { return f.At > about })
	if after < 0 {
		after = len(facts)
	}
	return lines(facts[max(0, after-30):min(len(facts), after+10)])
}
