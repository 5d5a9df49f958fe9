package oracle

import (
	"slices"

	"rollcall.dev/events/schema"
)

// told is what a reader of session.lifecycle alone knows of a session.
type told struct {
	live  bool
	epoch int64 // of its newest connected
	user  string
	end   *schema.SessionDisconnected
	lines []string
}

// checkLifecycle: every session has an end and a reason, once; at rest the
// reader knows exactly those that live.
func checkLifecycle(w *world, l *publicLog, r *Report) {
	if len(l.entries) == 0 {
		return
	}
	sessions := map[string]*told{}
	for _, e := range l.entries {
		switch d := e.data.(type) {
		case *schema.SessionConnected:
			if sessions[d.Session] == nil {
				sessions[d.Session] = &told{user: d.User}
			}
			s := sessions[d.Session]
			s.live, s.epoch, s.lines = true, d.Epoch, append(s.lines, e.String())
		case *schema.SessionDisconnected:
			if sessions[d.Session] == nil {
				sessions[d.Session] = &told{user: d.User}
			}
			s := sessions[d.Session]
			s.lines = append(s.lines, e.String())
			s.ended(d, r)
		}
	}
	known := map[string]bool{}
	for _, c := range w.conns {
		if c.session != "" {
			known[c.session] = true
			checkSession(w, c, sessions[c.session], r)
		}
	}
	for id, s := range sessions {
		if !known[id] && s.live && !w.knocks(s.user) {
			r.add("ghost session", s.lines, "session %s of %s has no end in the log, and nobody holds it", id, s.user)
		}
	}
}

// ended notes an end. One that an edge and a task both tell may differ: the
// edge was away when the session ended. One of an epoch before the newest
// connected's is none: the session was announced again while it was written.
func (s *told) ended(d *schema.SessionDisconnected, r *Report) {
	if s.live && d.Epoch < s.epoch {
		return
	}
	if !s.live && s.end != nil && s.end.Reason != d.Reason &&
		s.end.Reason != schema.ReasonEdgeLost && d.Reason != schema.ReasonEdgeLost {
		r.add("two ends", s.lines, "session %s of %s ended for %s and for %s", d.Session, d.User, s.end.Reason, d.Reason)
	}
	if s.live || s.end == nil {
		s.end = d
	}
	s.live = false
}

func checkSession(w *world, c *conn, s *told, r *Report) {
	switch {
	case s == nil && (c.acked < forever || w.quiet < forever && !c.end.over()):
		r.add("unknown session", lines(c.facts), "session %s of %s is not in the log", c.session, c.user)
	case s == nil || w.quiet == forever:
	case !c.end.over() && !s.live:
		r.add("lost session", append(s.lines, lines(c.facts)...), "session %s of %s lives, the log says that it ended", c.session, c.user)
	case c.end.over() && s.live:
		r.add("ghost session", append(s.lines, lines(c.facts)...), "session %s of %s has ended, the log doesn't say so", c.session, c.user)
	}
	if s != nil && !s.live && s.end != nil && c.end.over() && len(c.end.reasons) > 0 && !slices.Contains(c.end.reasons, s.end.Reason) {
		r.add("reason", append(s.lines, lines(c.facts)...), "session %s of %s ended for %s, want one of %v", c.session, c.user, s.end.Reason, c.end.reasons)
	}
}

// knocks reports whether a CONNECT of the user is on its way.
func (w *world) knocks(user string) bool {
	return slices.ContainsFunc(w.conns, func(c *conn) bool { return c.user == user && c.told == forever && !c.end.over() })
}

func lines(facts []Fact) []string {
	out := make([]string, 0, len(facts))
	for _, f := range facts {
		out = append(out, f.String())
	}
	return out
}
