package oracle

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// entry is an event of the log at its first occurrence.
type entry struct {
	Record
	event schema.Event
	data  any
}

func (e entry) String() string {
	return fmt.Sprintf("%12v %s %d:%d %.400s", e.At.Round(time.Millisecond), e.Topic, e.Partition, e.Offset, e.Value)
}

// change is what the log says of a channel's roster.
type change struct {
	entry
	user   string
	member *schema.Member // nil: left
	joined int64          // offset of the join
	reason schema.Reason  // of a leave
}

// publicLog is the log without repeats.
type publicLog struct {
	entries  []entry // each partition in its order
	channels map[string][]change
	rosters  map[string][]map[string]change // of a channel, after every so many changes
	lefts    []entry
}

// readLog drops repeats by id, as any consumer can, and builds each channel's
// history. What can't be decoded was thrown in by somebody.
func readLog(h History, r *Report) *publicLog {
	l := &publicLog{channels: map[string][]change{}, rosters: map[string][]map[string]change{}}
	seen := map[string]bool{}
	for _, rec := range h.Log {
		event, data, err := schema.Decode(rec.Value)
		if err != nil || seen[event.Source+" "+event.ID] {
			continue
		}
		seen[event.Source+" "+event.ID] = true
		e := entry{rec, event, data}
		l.entries = append(l.entries, e)
		switch d := data.(type) {
		case *schema.PresenceJoined:
			l.change(r, d.Channel, change{entry: e, user: d.User, joined: e.Offset,
				member: &schema.Member{User: d.User, Since: d.Since, Meta: d.Meta, Status: d.Status}}, false)
		case *schema.PresenceUpdated:
			l.change(r, d.Channel, change{entry: e, user: d.User,
				member: &schema.Member{User: d.User, Since: d.Since, Meta: d.Meta, Status: d.Status}}, true)
		case *schema.PresenceLeft:
			l.lefts = append(l.lefts, e)
			l.change(r, d.Channel, change{entry: e, user: d.User, reason: d.Reason}, true)
		}
	}
	return l
}

// change appends one; a channel's changes alternate for each user.
func (l *publicLog) change(r *Report, channel string, c change, present bool) {
	before := l.last(channel, c.user, forever)
	if was := before != nil && before.member != nil; was != present {
		r.add("alternation", []string{describe(before), c.entry.String()}, "%s in %s: %s, but was there: %v", c.user, channel, c.event.Type, was)
	}
	if before != nil && c.event.Type == schema.TypePresenceUpdated {
		c.joined = before.joined
	}
	l.channels[channel] = append(l.channels[channel], c)
}

// last is the newest change of a user that was read by a time.
func (l *publicLog) last(channel, user string, by time.Duration) *change {
	list := l.channels[channel]
	for i, c := range slices.Backward(list) {
		if c.user == user && c.At <= by {
			return &list[i]
		}
	}
	return nil
}

func describe(c *change) string {
	if c == nil {
		return "nothing before"
	}
	return c.entry.String()
}

// step is how many changes lie between two rosters that are kept: a long run
// asks for many.
const step = 64

// roster is that of a channel at an offset.
func (l *publicLog) roster(channel string, upTo int64) map[string]change {
	list := l.channels[channel]
	end, _ := slices.BinarySearchFunc(list, upTo, func(c change, at int64) int {
		if c.Offset <= at {
			return -1
		}
		return 1
	})
	kept := l.rosters[channel]
	for len(kept) <= end/step {
		from := len(kept) - 1
		next := map[string]change{}
		if from >= 0 {
			next = maps.Clone(kept[from])
			follow(next, list[from*step:(from+1)*step])
		}
		kept = append(kept, next)
	}
	l.rosters[channel] = kept
	members := maps.Clone(kept[end/step])
	follow(members, list[end/step*step:end])
	return members
}

func follow(members map[string]change, changes []change) {
	for _, c := range changes {
		if c.member == nil {
			delete(members, c.user)
		} else {
			members[c.user] = c
		}
	}
}
