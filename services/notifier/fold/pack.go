package fold

import (
	"strings"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/pack"
)

// Pack implements stream.Fold. What the key says is left out.
func (notifier) Pack(dst []byte, _ string, e stream.Entity) []byte {
	w := pack.Writer(dst)
	switch e := e.(type) {
	case *Member:
		w.Time(e.Since)
		w.Meta(e.Meta)
		w.Text(e.Status)
		w.Number(e.Joined)
	case *Channel:
		w.Number(int64(e.Count))
	case *Interest:
		w.Number(e.Epoch)
		w.Number(int64(e.MailboxPartition))
		w.Number(e.Request)
	case *Seen:
		w.Text(e.User)
		w.Time(e.LastSeen)
		w.Number(e.Cause)
	}
	return w
}

// Unpack implements stream.Fold.
func (notifier) Unpack(key, packed string) stream.Entity {
	kind, rest := part(key)
	first, rest := part(rest)
	r := pack.Reader(packed)
	switch kind {
	case kindMember:
		user, _ := part(rest)
		return &Member{schema.ChannelMember{
			Member: schema.Member{User: user, Since: r.Time(), Meta: r.Meta(), Status: r.Text()}, Joined: r.Number()}}
	case kindChannel:
		return &Channel{Name: first, Count: int(r.Number())}
	case kindInterest:
		edge, _ := part(rest)
		return &Interest{Channel: first, Edge: edge, Epoch: r.Number(), MailboxPartition: int32(r.Number()), Request: r.Number()}
	default:
		return &Seen{User: r.Text(), LastSeen: r.Time(), Cause: r.Number()}
	}
}

// part takes the first part off a key.
func part(key string) (first, rest string) {
	first, rest, _ = strings.Cut(key, separator)
	if strings.IndexByte(first, '\x01') >= 0 {
		first = unescape.Replace(first)
	}
	return first, rest
}

var unescape = strings.NewReplacer("\x01\x02", "\x00", "\x01\x01", "\x01")
