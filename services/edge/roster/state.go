package roster

import "rollcall.dev/events/schema"

// assembly gathers the parts of one answer. They come in order, as outputs of
// one input of the notifier.
type assembly struct {
	request int64
	version schema.Version
	next    int // number of the part that is due
	members []schema.ChannelMember
	seen    schema.Time
}

// takePart adds a part, and takes the state once it is whole. A part that
// doesn't fit what is there is dropped; the request is then repeated by
// whoever waits for it.
func (r *Roster) takePart(dst []Output, v schema.Version, s *schema.ChannelState) []Output {
	if s.Request < r.since || r.live && v.Offset <= r.version.Offset {
		return dst
	}
	if s.Part == 0 {
		r.parts = assembly{request: s.Request, version: v}
	}
	if r.parts.request != s.Request || r.parts.version != v || r.parts.next != s.Part {
		return dst
	}
	r.parts.next++
	r.parts.members = append(r.parts.members, s.Members...)
	r.parts.seen = s.LastSeen
	if r.parts.next < s.Parts {
		return dst
	}
	members := r.parts.members
	r.lastSeen = r.parts.seen
	r.parts = assembly{}
	r.have = max(r.have, s.Request)
	if !r.live {
		return r.fill(dst, v, members)
	}
	return r.replace(dst, v, members)
}

// fill takes the first state.
func (r *Roster) fill(dst []Output, v schema.Version, members []schema.ChannelMember) []Output {
	for _, m := range members {
		r.set(m.User, memberOf(m))
	}
	r.live = true
	r.advance(v)
	r.partial = r.Truncated()
	return append(dst, Output{Kind: Ready, Version: v, Body: r.Snapshot(false), Truncated: r.partial})
}

// replace takes a newer state and tells the difference, as one diff.
func (r *Roster) replace(dst []Output, v schema.Version, members []schema.ChannelMember) []Output {
	dst = r.flush(dst)
	kept := make(map[string]struct{}, len(members))
	for _, m := range members {
		kept[m.User] = struct{}{}
	}
	var gone []string
	r.members.Scan(func(user string, _ member) bool {
		if _, ok := kept[user]; !ok {
			gone = append(gone, user)
		}
		return true
	})
	for _, user := range gone {
		r.unset(user)
		r.window.left(user, encodeDeparture(&schema.PresenceLeft{User: user, LastSeen: r.lastSeen}))
	}
	for _, m := range members {
		r.replaceOne(m.User, memberOf(m))
	}
	r.advance(v)
	return r.flush(dst)
}

func (r *Roster) replaceOne(user string, m member) {
	old, present := r.members.Get(user)
	r.set(user, m)
	switch {
	case !present:
		r.window.joined(user, m.json)
	case old.joined != m.joined:
		r.window.left(user, encodeDeparture(&schema.PresenceLeft{User: user}))
		r.window.joined(user, m.json)
	case string(old.json) != string(m.json):
		r.window.updated(user, m.json)
	}
}

func memberOf(m schema.ChannelMember) member {
	return member{encodeMember(m.User, m.Since, m.Meta, m.Status), m.Joined}
}
