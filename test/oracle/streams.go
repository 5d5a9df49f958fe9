package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall.dev/events/schema"
)

// frame is any MESSAGE of a channel.
type frame struct {
	Type      string
	Version   schema.Version
	Count     int
	Truncated bool
	Resync    bool
	Members   []schema.Member
	Joined    []schema.Member
	Updated   []schema.Member
	Left      []schema.Departure
	User      string
	Body      string
}

func decodeFrame(body []byte) (frame, error) {
	var f frame
	err := json.Unmarshal(body, &f)
	return f, err
}

// stream is what one subscription knows while its frames are read.
type stream struct {
	*sub
	log     *publicLog
	report  *Report
	at      Fact
	members map[string]schema.Member // nil before the first state
	partial bool
	version schema.Version
}

func checkStreams(w *world, l *publicLog, r *Report) {
	for _, c := range w.conns {
		for _, s := range c.subs {
			st := &stream{sub: s, log: l, report: r}
			r.Counts.Subscribers++
			for _, f := range s.frames {
				r.Counts.Frames++
				st.take(f)
			}
			s.rest(w, st)
		}
	}
}

// rest: who is still there has a state, and the receipt of what it asked for.
func (s *sub) rest(w *world, st *stream) {
	if w.quiet == forever || s.end.over() || s.conn.end.over() {
		return
	}
	if st.members == nil {
		st.wrong("no state", "subscribed at %v, no state until the end", s.asked)
	}
	if s.acked == forever && st.members != nil {
		st.wrong("no receipt", "subscribed at %v, no receipt until the end", s.asked)
	}
}

func (s *stream) wrong(rule, format string, args ...any) {
	s.report.add(rule, append(lines(s.conn.facts), s.at.String()), "%s, sub %s of %s on %s: %s", s.conn.id, s.id, s.channel, s.conn.edge, fmt.Sprintf(format, args...))
}

func (s *stream) take(f Fact) {
	s.at = f
	got, err := decodeFrame(f.Body)
	if err != nil {
		s.wrong("frame", "not JSON: %v", err)
		return
	}
	switch got.Type {
	case schema.ClientPresenceState:
		s.state(got)
	case schema.ClientPresenceDiff:
		s.diff(got)
	case schema.ClientMessage:
	default:
		s.wrong("frame", "type %q", got.Type)
	}
}

func (s *stream) state(got frame) {
	switch {
	case s.members != nil && !got.Resync && !s.partial:
		s.wrong("second state", "version %s after %s", got.Version, s.version)
	case s.members != nil && got.Version.Offset < s.version.Offset:
		s.wrong("version", "state %s after %s", got.Version, s.version)
	}
	s.members, s.version, s.partial = map[string]schema.Member{}, got.Version, got.Truncated
	for _, m := range got.Members {
		s.members[m.User] = m
	}
	s.compare(got)
}

func (s *stream) diff(got frame) {
	before := s.version
	switch {
	case s.members == nil:
		s.wrong("diff before state", "version %s", got.Version)
		return
	case got.Version.Partition != before.Partition || got.Version.Offset <= before.Offset:
		s.wrong("version", "diff %s after %s", got.Version, before)
	}
	s.version = got.Version
	if s.partial {
		return // who isn't named can't be followed
	}
	s.apply(got)
	s.explained(got, before)
	s.compare(got)
}

// apply applies left, then joined, then updated.
func (s *stream) apply(got frame) {
	for _, d := range got.Left {
		if _, here := s.members[d.User]; !here {
			s.wrong("double left", "%s left and wasn't there", d.User)
		}
		delete(s.members, d.User)
	}
	for _, m := range got.Joined {
		if _, here := s.members[m.User]; here {
			s.wrong("double join", "%s joined and was there", m.User)
		}
		s.members[m.User] = m
	}
	for _, m := range got.Updated {
		if _, here := s.members[m.User]; !here {
			s.wrong("update", "%s was updated and isn't there", m.User)
		}
		s.members[m.User] = m
	}
}

// compare holds the roster against the count, and against the log's.
func (s *stream) compare(got frame) {
	if s.partial {
		return
	}
	if got.Count != len(s.members) {
		s.wrong("count", "%d members, count %d", len(s.members), got.Count)
	}
	if len(s.log.entries) == 0 {
		return
	}
	s.report.Counts.Versions++
	want := s.log.roster(s.channel, got.Version.Offset)
	if a, b := names(s.members), names(want); a != b {
		s.wrong("roster", "at %s it is [%s], the log's [%s]", got.Version, a, b)
		return
	}
	for user, c := range want {
		if m := s.members[user]; !maps.Equal(m.Meta, c.member.Meta) || m.Status != c.member.Status {
			s.wrong("member", "at %s %s is %v %q, the log's %v %q", got.Version, user, m.Meta, m.Status, c.member.Meta, c.member.Status)
		}
	}
}

// explained: a diff tells whom the log let go or come since the version before,
// each once; who went and came is in both lists.
func (s *stream) explained(got frame, before schema.Version) {
	if len(s.log.entries) == 0 {
		return
	}
	was, is := s.log.roster(s.channel, before.Offset), s.log.roster(s.channel, got.Version.Offset)
	left, joined := map[string]bool{}, map[string]bool{}
	for user, c := range was {
		now, here := is[user]
		left[user] = !here || now.joined != c.joined
		joined[user] = here && now.joined != c.joined
	}
	for user := range is {
		if _, here := was[user]; !here {
			joined[user] = true
		}
	}
	for _, d := range got.Left {
		if !left[d.User] {
			s.wrong("unexplained left", "%s between %s and %s", d.User, before, got.Version)
		}
		delete(left, d.User)
		s.reason(d, got.Version)
	}
	for _, m := range got.Joined {
		if !joined[m.User] {
			s.wrong("unexplained join", "%s between %s and %s", m.User, before, got.Version)
		}
		delete(joined, m.User)
	}
	if a, b := missing(left), missing(joined); a+b != "" {
		s.wrong("untold", "between %s and %s left [%s], joined [%s]", before, got.Version, a, b)
	}
}

// reason: a difference of two states knows none; else it is the log's.
func (s *stream) reason(d schema.Departure, v schema.Version) {
	if d.Reason == "" {
		return
	}
	for _, c := range slices.Backward(s.log.channels[s.channel]) {
		if c.user == d.User && c.member == nil && c.Offset <= v.Offset {
			if c.reason != d.Reason {
				s.wrong("reason", "%s left for %s, the log says %s", d.User, d.Reason, c.reason)
			}
			return
		}
	}
}

func missing(users map[string]bool) string {
	maps.DeleteFunc(users, func(_ string, due bool) bool { return !due })
	return names(users)
}

func names[V any](users map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(users)), " ")
}
