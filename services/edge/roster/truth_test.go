package roster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"rollcall.dev/events/schema"
)

// truth is the log of one channel and what a notifier makes of it.
type truth struct {
	log     []Entry // one per offset, which is its index + 1
	members map[string]schema.ChannelMember
	history []map[string]schema.ChannelMember // after each offset; [0] before all
	left    map[string][]int64                // offsets of each user's departures
}

const partition = 3

func newTruth() *truth {
	return &truth{members: map[string]schema.ChannelMember{}, history: []map[string]schema.ChannelMember{{}}, left: map[string][]int64{}}
}

func (tr *truth) end() int64 { return int64(len(tr.log)) }

func (tr *truth) append(data any) Entry {
	offset := tr.end() + 1
	e := Entry{Version: schema.Version{Partition: partition, Offset: offset}, ID: "id-" + strconv.FormatInt(offset, 10), Data: data}
	switch d := data.(type) {
	case *schema.PresenceJoined:
		joined := offset
		if old, ok := tr.members[d.User]; ok {
			joined = old.Joined
		}
		tr.members[d.User] = schema.ChannelMember{Member: schema.Member{User: d.User, Meta: d.Meta}, Joined: joined}
	case *schema.PresenceUpdated:
		if old, ok := tr.members[d.User]; ok {
			old.Meta = d.Meta
			tr.members[d.User] = old
		}
	case *schema.PresenceLeft:
		if _, ok := tr.members[d.User]; ok {
			tr.left[d.User] = append(tr.left[d.User], offset)
		}
		delete(tr.members, d.User)
	}
	tr.log = append(tr.log, e)
	tr.history = append(tr.history, maps.Clone(tr.members))
	return e
}

func (tr *truth) join(user string) Entry {
	return tr.append(&schema.PresenceJoined{Channel: "room", User: user, Meta: schema.Meta{"n": strconv.FormatInt(tr.end(), 10)}})
}

func (tr *truth) update(user string) Entry {
	return tr.append(&schema.PresenceUpdated{Channel: "room", User: user, Meta: schema.Meta{"n": strconv.FormatInt(tr.end(), 10)}})
}

func (tr *truth) leave(user string) Entry {
	return tr.append(&schema.PresenceLeft{Channel: "room", User: user, Reason: schema.ReasonConnectionLost})
}

func (tr *truth) message() Entry {
	return tr.append(&schema.MessagePublished{Channel: "room", User: "alice", Body: "hi"})
}

// state answers a request at the log's end (the interest has an offset of its
// own) in n parts.
func (tr *truth) state(request int64, n int) []Entry {
	e := tr.append(nil)
	users := slices.Sorted(maps.Keys(tr.members))
	parts := make([]Entry, n)
	for i := range parts {
		s := &schema.ChannelState{Request: request, Part: i, Parts: n}
		for _, u := range users[i*len(users)/n : (i+1)*len(users)/n] {
			s.Members = append(s.Members, tr.members[u])
		}
		parts[i] = Entry{Version: e.Version, Data: s}
	}
	return parts
}

// client applies what a subscriber receives as a page does, and compares it
// with the truth at every version.
type client struct {
	tr      *truth
	has     bool // a snapshot
	partial bool // and it was truncated
	version int64
	members map[string]schema.Member
	left    map[string]int
	got     []string // in short
}

// newClient is a subscriber that is served from the cache if it is live.
func newClient(tr *truth, r *Roster) *client {
	c := &client{tr: tr, left: map[string]int{}}
	if r.Live() {
		c.mustSnapshot(r)
	}
	return c
}

func (c *client) mustSnapshot(r *Roster) {
	if err := c.snapshot(r.Snapshot(false)); err != nil {
		panic(err)
	}
}

// take handles what Apply told, as a hub does for one subscriber.
func (c *client) take(out []Output) error {
	for _, o := range out {
		var err error
		switch {
		case o.Kind == Ready && !c.has, o.Kind == Whole && c.partial:
			if err = c.snapshot(o.Body); c.partial != o.Truncated {
				err = fmt.Errorf("truncated %v in %s", o.Truncated, o.Body)
			}
		case o.Kind == Diff && c.has:
			err = c.diff(o)
		case o.Kind == Message && c.has:
			c.got = append(c.got, "message")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *client) snapshot(body []byte) error {
	var s schema.PresenceState
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("%s: %w", body, err)
	}
	want := c.tr.history[s.Version.Offset]
	switch {
	case s.Type != schema.ClientPresenceState || s.Channel != "room":
		return fmt.Errorf("snapshot %s", body)
	case s.Count != len(want) || s.Truncated != (len(s.Members) < s.Count):
		return fmt.Errorf("snapshot at %v: count %d, truth %d, %d named, truncated %v", s.Version, s.Count, len(want), len(s.Members), s.Truncated)
	case c.has && s.Version.Offset < c.version:
		return fmt.Errorf("version went back from %d to %d", c.version, s.Version.Offset)
	}
	c.has, c.partial, c.version = true, s.Truncated, s.Version.Offset
	c.members = map[string]schema.Member{}
	for _, m := range s.Members {
		c.members[m.User] = m
	}
	c.got = append(c.got, "state")
	return c.compare()
}

func (c *client) diff(o Output) error {
	var d schema.PresenceDiff
	if err := json.Unmarshal(o.Body, &d); err != nil {
		return fmt.Errorf("%s: %w", o.Body, err)
	}
	if d.Type != schema.ClientPresenceDiff || d.Channel != "room" || d.Version != o.Version || d.Joined == nil || d.Updated == nil || d.Left == nil {
		return fmt.Errorf("diff %s of output %v", o.Body, o.Version)
	}
	if d.Version.Offset <= c.version {
		return fmt.Errorf("diff %v after version %d", d.Version, c.version)
	}
	before, after := c.tr.history[c.version], c.tr.history[d.Version.Offset]
	if err := sameDiff(before, after, &d); err != nil {
		return fmt.Errorf("diff from %d to %v: %w", c.version, d.Version, err)
	}
	for _, l := range d.Left {
		delete(c.members, l.User)
		c.left[l.User]++
		c.got = append(c.got, "left "+l.User)
	}
	for _, m := range slices.Concat(d.Joined, d.Updated) {
		c.members[m.User] = m
	}
	c.version = d.Version.Offset
	if d.Count != len(after) {
		return fmt.Errorf("diff at %v: count %d, truth %d", d.Version, d.Count, len(after))
	}
	return c.compare()
}

// sameDiff compares a diff with the one that two truths give: who left (or is
// another one's worth of stay), who joined, who changed.
func sameDiff(before, after map[string]schema.ChannelMember, d *schema.PresenceDiff) error {
	var left, joined, updated []string
	for u, b := range before {
		switch a, ok := after[u]; {
		case !ok:
			left = append(left, u)
		case a.Joined != b.Joined:
			left, joined = append(left, u), append(joined, u)
		case !maps.Equal(a.Meta, b.Meta):
			updated = append(updated, u)
		}
	}
	for u := range after {
		if _, ok := before[u]; !ok {
			joined = append(joined, u)
		}
	}
	for _, l := range []struct {
		what string
		want []string
		got  []string
	}{
		{"left", left, names(d.Left, func(l schema.Departure) string { return l.User })},
		{"joined", joined, names(d.Joined, func(m schema.Member) string { return m.User })},
		{"updated", updated, names(d.Updated, func(m schema.Member) string { return m.User })},
	} {
		slices.Sort(l.want)
		if !slices.Equal(l.want, l.got) {
			return fmt.Errorf("%s %v, truth %v", l.what, l.got, l.want)
		}
	}
	return nil
}

func names[T any](list []T, name func(T) string) []string {
	var out []string
	for _, v := range list {
		out = append(out, name(v))
	}
	slices.Sort(out)
	return out
}

// compare holds the client's roster against the truth at its version. Of a
// truncated one, who is named must be there.
func (c *client) compare() error {
	want := c.tr.history[c.version]
	if !c.partial && len(c.members) != len(want) {
		return fmt.Errorf("at %d: members %v, truth %v", c.version, slices.Sorted(maps.Keys(c.members)), slices.Sorted(maps.Keys(want)))
	}
	for u, m := range c.members {
		if w, ok := want[u]; !ok || !maps.Equal(w.Meta, m.Meta) {
			return fmt.Errorf("at %d: member %+v, truth %+v", c.version, m, w)
		}
	}
	return nil
}
