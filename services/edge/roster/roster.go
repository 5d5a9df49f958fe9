package roster

import (
	"rollcall.dev/events/schema"

	"github.com/tidwall/btree"
)

// Limits bound what one frame names. Beyond either a state is truncated; its
// count stays exact.
type Limits struct {
	// Members is how many members a state names.
	Members int
	// Bytes bounds the members of a state, and the changes of a diff that
	// could also be two, in bytes of JSON.
	Bytes int
}

// Entry is one thing that the mailbox says about a channel.
type Entry struct {
	// Version is the position in channel.events that the entry stands for.
	Version schema.Version
	// Time is that of the event.
	Time schema.Time
	// ID is the event's.
	ID string
	// Data is a *schema.ChannelState, *schema.PresenceJoined, *schema.PresenceLeft,
	// *schema.PresenceUpdated or *schema.MessagePublished.
	Data any
}

// Kind of an output.
type Kind uint8

// The kinds of outputs.
const (
	// Ready: the cache is live now; Body is the snapshot for whoever waits.
	Ready Kind = iota
	// Diff and Message go to everyone who has the snapshot already.
	Diff
	Message
	// Whole: the channel fits into a state again; Body is the snapshot for
	// whoever has a truncated one.
	Whole
)

// Output is something to tell subscribers. Body is its JSON, made once for all
// of them.
type Output struct {
	Kind    Kind
	Version schema.Version
	Body    []byte
	// Truncated: of Ready, the snapshot names fewer than all.
	Truncated bool
}

// Roster is the cache of one channel. Not safe for concurrent use.
type Roster struct {
	channel string // as JSON
	limits  Limits

	since int64 // the first request of this life
	want  int64 // the newest request
	have  int64 // the newest request that was answered

	live    bool
	partial bool // snapshots since the last Apply may have been truncated
	version schema.Version
	members btree.Map[string, member]
	bytes   int // of all members' JSON
	// personal: the channel is a user's own, and lastSeen when that user left it
	// last, as far as that is known.
	personal bool
	lastSeen schema.Time

	parts  assembly
	window window

	snapshots [2][]byte // plain and resync, until the next change
}

// member is what the cache keeps of one: its JSON as clients get it.
type member struct {
	json   []byte
	joined int64 // offset of the join in channel.events
}

// New makes an empty cache that has sent a request.
func New(channel string, request int64, limits Limits) *Roster {
	r := &Roster{channel: quote(channel), limits: limits, since: request, want: request,
		personal: schema.IsPersonal(channel)}
	r.have = request - 1
	return r
}

// Ask notes that a further request, higher than all before, was sent.
func (r *Roster) Ask(request int64) { r.want = request }

// Live reports whether there is a snapshot to give.
func (r *Roster) Live() bool { return r.live }

// Settled reports whether the newest request was answered: from there on
// nothing of the channel is missed.
func (r *Roster) Settled() bool { return r.have >= r.want }

// Version is that of the snapshot.
func (r *Roster) Version() schema.Version { return r.version }

// Count is the exact number of members.
func (r *Roster) Count() int { return r.members.Len() }

// Truncated reports whether a snapshot names fewer than all members.
func (r *Roster) Truncated() bool {
	return r.members.Len() > r.limits.Members || r.bytes > r.limits.Bytes
}

// Apply takes the entries of one window, in their order, and appends what to
// tell. Changes of one window are merged as far as the result says the same.
func (r *Roster) Apply(dst []Output, entries ...Entry) []Output {
	for _, e := range entries {
		if state, ok := e.Data.(*schema.ChannelState); ok {
			dst = r.takePart(dst, e.Version, state)
			continue
		}
		if !r.live || e.Version.Offset <= r.version.Offset {
			continue // contained in the state, or told before
		}
		dst = r.change(dst, e)
	}
	dst = r.flush(dst)
	if r.partial && !r.Truncated() {
		dst = append(dst, Output{Kind: Whole, Version: r.version, Body: r.Snapshot(false)})
	}
	r.partial = r.Truncated()
	return dst
}

// change applies one event above the version.
func (r *Roster) change(dst []Output, e Entry) []Output {
	switch d := e.Data.(type) {
	case *schema.PresenceJoined:
		dst = r.put(dst, d.User, encodeMember(d.User, d.Since, d.Meta, d.Status), e.Version.Offset)
	case *schema.PresenceUpdated:
		if _, ok := r.members.Get(d.User); ok {
			dst = r.put(dst, d.User, encodeMember(d.User, d.Since, d.Meta, d.Status), e.Version.Offset)
		}
	case *schema.PresenceLeft:
		dst = r.remove(dst, d)
	case *schema.MessagePublished:
		// What happened before the message is told before it.
		dst = r.flush(dst)
		dst = append(dst, Output{Kind: Message, Version: e.Version, Body: encodeMessage(e, d)})
	}
	r.advance(e.Version)
	return dst
}

// put adds a member, or replaces what is told of a present one, whose join
// stays where it was.
func (r *Roster) put(dst []Output, user string, json []byte, offset int64) []Output {
	old, present := r.members.Get(user)
	if present {
		offset = old.joined
	}
	dst = r.flushIfFull(dst, len(json))
	r.set(user, member{json, offset})
	if present {
		r.window.updated(user, json)
	} else {
		r.window.joined(user, json)
	}
	return dst
}

func (r *Roster) remove(dst []Output, d *schema.PresenceLeft) []Output {
	if _, present := r.members.Get(d.User); !present {
		return dst
	}
	json := encodeDeparture(d)
	// In one diff, left and joined of a user mean: left and came back. The
	// other order needs two.
	if r.window.hasJoined(d.User) {
		dst = r.flush(dst)
	}
	dst = r.flushIfFull(dst, len(json))
	r.unset(d.User)
	if r.personal {
		r.lastSeen = d.LastSeen
	}
	r.window.left(d.User, json)
	return dst
}

func (r *Roster) set(user string, m member) {
	old, _ := r.members.Set(user, m)
	r.bytes += len(m.json) - len(old.json)
}

func (r *Roster) unset(user string) {
	old, _ := r.members.Delete(user)
	r.bytes -= len(old.json)
}

func (r *Roster) advance(v schema.Version) {
	r.version = v
	r.snapshots = [2][]byte{}
}

func (r *Roster) flushIfFull(dst []Output, more int) []Output {
	if r.window.bytes > 0 && r.window.bytes+more > r.limits.Bytes {
		return r.flush(dst)
	}
	return dst
}

// flush ends the diff in the making. Its version is that of the last change.
func (r *Roster) flush(dst []Output) []Output {
	if len(r.window.changes) == 0 {
		return dst
	}
	body := r.encodeDiff()
	r.window.reset()
	return append(dst, Output{Kind: Diff, Version: r.version, Body: body})
}
