package oracle

import (
	"cmp"
	"slices"
	"time"
)

// forever is later than any fact.
const forever = time.Duration(1<<63 - 1)

// span is a time from its first to before its last moment.
type span struct{ from, to time.Duration }

func (s span) has(t time.Duration) bool { return s.from <= t && t < s.to }

func (s span) overlaps(o span) bool { return s.from < o.to && o.from < s.to }

// merge sorts spans and joins those that touch.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var out []span
	for _, s := range spans {
		if s.from >= s.to {
			continue
		}
		if n := len(out); n > 0 && s.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// faults are the times in which something is broken.
type faults struct {
	all   []span            // with the recovery after each, merged
	away  map[string][]span // of edges
	links map[string][]span // of edges' clients
}

func newFaults(h History) faults {
	f := faults{away: map[string][]span{}, links: map[string][]span{}}
	open := map[string]time.Duration{}
	end := func(key string, at time.Duration) (span, bool) {
		from, ok := open[key]
		delete(open, key)
		if ok {
			f.all = append(f.all, span{from, at + h.Recovery})
		}
		return span{from, at}, ok
	}
	for _, fact := range h.Facts {
		switch key := string(fact.Kind); fact.Kind {
		case EdgeAway, LinkDown:
			open[key+fact.Edge] = fact.At
		case FaultOn:
			open[key+fact.Note] = fact.At
		case FaultOff:
			end(string(FaultOn)+fact.Note, fact.At)
		case EdgeBack:
			if s, ok := end(string(EdgeAway)+fact.Edge, fact.At); ok {
				f.away[fact.Edge] = append(f.away[fact.Edge], s)
			}
		case LinkUp:
			if s, ok := end(string(LinkDown)+fact.Edge, fact.At); ok {
				f.links[fact.Edge] = append(f.links[fact.Edge], s)
			}
		case EdgeKilled:
			f.all = append(f.all, span{fact.At, fact.At + h.Recovery})
			if s, ok := end(string(EdgeAway)+fact.Edge, fact.At); ok {
				f.away[fact.Edge] = append(f.away[fact.Edge], s)
			}
		}
	}
	for _, from := range open {
		f.all = append(f.all, span{from, forever})
	}
	f.all = merge(f.all)
	return f
}

// after is when d of healthy time has passed since t.
func (f faults) after(t, d time.Duration) time.Duration {
	for _, s := range f.all {
		if s.to <= t {
			continue
		}
		if s.from-t >= d {
			break
		}
		d -= max(0, s.from-t)
		t = s.to
		if t == forever {
			return forever
		}
	}
	return t + d
}

func touches(spans []span, s span) bool {
	return slices.ContainsFunc(spans, s.overlaps)
}
