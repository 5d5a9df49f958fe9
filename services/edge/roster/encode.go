package roster

import (
	"fmt"
	"strconv"

	"rollcall.dev/events/schema"
)

// The wire forms are those of schema.PresenceState, PresenceDiff and Message.
// States and diffs are put together from members that were encoded when they
// came, so that a snapshot costs a copy and not a reflection per member.

func quote(s string) string { return string(encode(s)) }

// encode is schema.Marshal for values that can't fail: structs of the schema,
// strings, maps of strings.
func encode(v any) []byte {
	b, err := schema.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("roster: encode %T: %v", v, err))
	}
	return b
}

func encodeMember(user string, since schema.Time, meta schema.Meta, status string) []byte {
	if meta == nil {
		meta = schema.Meta{} // clients get {} and never null
	}
	return encode(schema.Member{User: user, Since: since, Meta: meta, Status: status})
}

func encodeDeparture(d *schema.PresenceLeft) []byte {
	return encode(schema.Departure{User: d.User, Reason: d.Reason, Initiator: d.Initiator, LastSeen: d.LastSeen})
}

func encodeMessage(e Entry, d *schema.MessagePublished) []byte {
	return encode(schema.Message{Type: schema.ClientMessage, Channel: d.Channel, ID: e.ID, User: d.User, At: e.Time,
		ContentType: d.ContentType, Body: d.Body, Encoding: d.Encoding})
}

// KeepSnapshot is the size in bytes from which a snapshot is kept for the next
// who asks: making a small one anew is cheap, keeping one for each of many
// small channels is not.
const KeepSnapshot = 4 << 10

// Snapshot is the channel's state as JSON: not to be modified. A large one is
// the same for all who ask before the next change. With resync it says that it
// stands in for diffs that were not sent.
func (r *Roster) Snapshot(resync bool) []byte {
	slot := &r.snapshots[0]
	if resync {
		slot = &r.snapshots[1]
	}
	if *slot != nil {
		return *slot
	}
	state := r.encodeState(resync)
	if len(state) >= KeepSnapshot {
		*slot = state
	}
	return state
}

func (r *Roster) encodeState(resync bool) []byte {
	named, size := r.fitting()
	b := make([]byte, 0, size+named+len(r.channel)+160)
	b = r.appendHead(b, schema.ClientPresenceState)
	b = append(b, `,"truncated":`...)
	b = strconv.AppendBool(b, r.Truncated())
	if resync {
		b = append(b, `,"resync":true`...)
	}
	b = append(b, `,"members":[`...)
	first := len(b)
	r.members.Scan(func(_ string, m member) bool {
		if named == 0 {
			return false
		}
		named--
		b = appendItem(b, first, m.json)
		return true
	})
	b = append(b, ']')
	if r.personal && r.members.Len() == 0 && !r.lastSeen.IsZero() {
		b = append(b, `,"last_seen":`...)
		b = append(b, encode(r.lastSeen)...)
	}
	return append(b, '}')
}

// fitting is how many members a state may name, and their size.
func (r *Roster) fitting() (members, size int) {
	r.members.Scan(func(_ string, m member) bool {
		if members == r.limits.Members || size+len(m.json) > r.limits.Bytes {
			return false
		}
		members++
		size += len(m.json)
		return true
	})
	return members, size
}

func (r *Roster) encodeDiff() []byte {
	b := make([]byte, 0, r.window.bytes+len(r.window.changes)+len(r.channel)+160)
	b = r.appendHead(b, schema.ClientPresenceDiff)
	b = r.appendList(b, "joined", func(c change) []byte { return c.joined })
	b = r.appendList(b, "updated", func(c change) []byte { return c.updated })
	b = r.appendList(b, "left", func(c change) []byte { return c.left })
	return append(b, '}')
}

func (r *Roster) appendHead(b []byte, kind string) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","channel":`...)
	b = append(b, r.channel...)
	b = append(b, `,"version":"`...)
	b = append(b, r.version.String()...)
	b = append(b, `","count":`...)
	return strconv.AppendInt(b, int64(r.members.Len()), 10)
}

func (r *Roster) appendList(b []byte, name string, part func(change) []byte) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":[`...)
	first := len(b)
	for _, c := range r.window.changes {
		if json := part(c); json != nil {
			b = appendItem(b, first, json)
		}
	}
	return append(b, ']')
}

func appendItem(b []byte, first int, json []byte) []byte {
	if len(b) > first {
		b = append(b, ',')
	}
	return append(b, json...)
}
