package oracle

import (
	"time"

	"rollcall.dev/events/schema"
)

// checkMessages: each message once, in the order of its sender; one that was
// acknowledged reaches all who had the receipt of their SUBSCRIBE before it was
// sent and stayed. An edge that counted as dead may have missed some.
func checkMessages(w *world, r *Report) {
	sent := map[string]*send{}
	for _, c := range w.conns {
		for _, m := range c.sends {
			sent[m.channel+" "+m.body] = m
		}
	}
	for _, c := range w.conns {
		for _, s := range c.subs {
			got := s.messages(sent, r)
			for _, m := range sent {
				if w.owed(s, m) {
					r.Counts.Messages++
					if !got[m] {
						r.add("lost message", append(lines(c.facts), lines(m.conn.facts)...), "%q of %s in %s, sent at %v, not received by %s on %s", m.body, m.conn.id, m.channel, m.asked, c.id, c.edge)
					}
				}
			}
		}
	}
}

// messages are those received. Nobody may get one twice, or before one that
// its sender sent earlier.
func (s *sub) messages(sent map[string]*send, r *Report) map[*send]bool {
	got, newest := map[*send]bool{}, map[*conn]int{}
	for _, f := range s.frames {
		frame, err := decodeFrame(f.Body)
		if err != nil || frame.Type != schema.ClientMessage {
			continue
		}
		m := sent[s.channel+" "+frame.Body]
		switch {
		case m == nil:
			r.add("unknown message", []string{f.String()}, "%s got %q, nobody sent it to %s", s.conn.id, frame.Body, s.channel)
			continue
		case got[m]:
			r.add("double message", []string{f.String()}, "%s got %q of %s twice", s.conn.id, m.body, m.conn.id)
		case m.n < newest[m.conn]:
			r.add("order of messages", []string{f.String()}, "%s got %q of %s after a later one", s.conn.id, m.body, m.conn.id)
		case frame.User != m.conn.user:
			r.add("sender", []string{f.String()}, "%s got %q as from %s, it is from %s", s.conn.id, m.body, frame.User, m.conn.user)
		}
		got[m], newest[m.conn] = true, max(newest[m.conn], m.n)
	}
	return got
}

// owed reports whether a subscriber has to have a message by the end.
func (w *world) owed(s *sub, m *send) bool {
	if s.channel != m.channel || s.acked >= m.asked || m.acked == forever {
		return false
	}
	by := w.faults.after(m.acked, w.Slack)
	if by > w.quiet || min(s.end.earliest, s.conn.end.earliest) <= by {
		return false
	}
	return !w.interrupted(s.conn.edge, span{m.asked - w.Slack, by})
}

// interrupted reports whether an edge may have counted as dead.
func (w *world) interrupted(edge string, in span) bool {
	for _, x := range w.expiries(edge) {
		if x.overlaps(span{max(0, in.from), in.to + time.Nanosecond}) {
			return true
		}
	}
	return false
}
