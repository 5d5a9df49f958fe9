package fold

import (
	"slices"
	"strings"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/pack"
)

// Pack implements stream.Fold. What the key says is left out.
func (presence) Pack(dst []byte, _ string, e stream.Entity) []byte {
	w := pack.Writer(dst)
	switch e := e.(type) {
	case *Session:
		packSession(&w, e)
	case *Membership:
		w.Time(e.Since)
		w.Meta(e.Meta)
		w.Text(e.Status)
	case *Seen:
		w.Text(e.Session)
		w.Time(e.LastSeen)
		w.Text(string(e.Reason))
		w.Text(string(e.Initiator))
		w.Number(e.Cause)
	case *Hold:
		packHold(&w, e)
	case *Kicked:
		w.Text(e.Note)
		w.Number(e.Cause)
	case *Command:
		w.Text(e.User)
		w.Text(e.Key)
	case *Counter:
		w.Number(e.N)
	}
	return w
}

// Unpack implements stream.Fold. The texts of an entity are parts of the key
// and of what it was unpacked from.
func (presence) Unpack(key, packed string) stream.Entity {
	kind, rest := part(key)
	user, rest := part(rest)
	r := pack.Reader(packed)
	switch kind {
	case kindSession:
		id, _ := part(rest)
		return unpackSession(&r, user, id)
	case kindMembership:
		channel, _ := part(rest)
		return &Membership{User: user, Channel: channel, Since: r.Time(), Meta: r.Meta(), Status: r.Text()}
	case kindSeen:
		return &Seen{User: user, Session: r.Text(), LastSeen: r.Time(),
			Reason: schema.Reason(r.Text()), Initiator: schema.Initiator(r.Text()), Cause: r.Number()}
	case kindHold:
		channel, _ := part(rest)
		return unpackHold(&r, user, channel)
	case kindKicked:
		session, _ := part(rest)
		return &Kicked{User: user, Session: session, Note: r.Text(), Cause: r.Number()}
	case kindCommand:
		return &Command{User: r.Text(), Key: r.Text()}
	default:
		return &Counter{N: r.Number()}
	}
}

// Plain implements stream.Fold.
func (presence) Plain(key string) bool {
	return strings.HasPrefix(key, kindSession+separator) || strings.HasPrefix(key, kindMembership+separator)
}

func packSession(w *pack.Writer, s *Session) {
	w.Text(s.Edge)
	w.Number(s.Epoch)
	w.Number(int64(s.MailboxPartition))
	w.Text(s.Protocol)
	w.Text(s.UserAgent)
	w.Meta(s.Meta)
	w.Text(s.Status)
	w.Flag(s.Said)
	w.Number(s.Connected)
	w.Time(s.ConnectedAt)
	w.Number(int64(len(s.Subscriptions)))
	for _, sub := range s.Subscriptions {
		packSubscription(w, sub)
	}
	packKick(w, s.Kick)
}

func packKick(w *pack.Writer, k *Kick) {
	w.Flag(k != nil)
	if k != nil {
		w.Text(k.Note)
	}
}

func unpackKick(r *pack.Reader) *Kick {
	if !r.Flag() {
		return nil
	}
	return &Kick{Note: r.Text()}
}

func unpackSession(r *pack.Reader, user, id string) *Session {
	s := &Session{
		User: user, ID: id, Edge: r.Text(), Epoch: r.Number(), MailboxPartition: int32(r.Number()),
		Protocol: r.Text(), UserAgent: r.Text(), Meta: r.Meta(), Status: r.Text(), Said: r.Flag(),
		Connected: r.Number(), ConnectedAt: r.Time(),
	}
	if n := r.Number(); n > 0 {
		s.Subscriptions = make([]schema.Subscription, n)
		for i := range s.Subscriptions {
			s.Subscriptions[i] = unpackSubscription(r)
		}
	}
	s.Kick = unpackKick(r)
	return s
}

// packSubscription leaves out a channel that ends the destination, as those do
// that have one.
func packSubscription(w *pack.Writer, sub schema.Subscription) {
	w.Text(sub.ID)
	w.Text(sub.Destination)
	ends := strings.HasSuffix(sub.Destination, sub.Channel)
	w.Flag(ends)
	if ends {
		w.Number(int64(len(sub.Channel)))
	} else {
		w.Text(sub.Channel)
	}
	role := slices.Index(roles[:], sub.Role)
	w.Number(int64(role))
	if role < 0 {
		w.Text(string(sub.Role))
	}
}

func unpackSubscription(r *pack.Reader) schema.Subscription {
	sub := schema.Subscription{ID: r.Text(), Destination: r.Text()}
	if r.Flag() {
		sub.Channel = sub.Destination[len(sub.Destination)-int(r.Number()):]
	} else {
		sub.Channel = r.Text()
	}
	if role := r.Number(); role >= 0 {
		sub.Role = roles[role]
	} else {
		sub.Role = schema.Role(r.Text())
	}
	return sub
}

// roles have a number each.
var roles = [...]schema.Role{schema.RoleMember, schema.RoleWatcher}

func packHold(w *pack.Writer, h *Hold) {
	w.Text(h.Session)
	w.Number(h.Cause)
	w.Number(h.DelayMS)
	w.Text(string(h.Reason))
	w.Text(string(h.Initiator))
	w.Time(h.LastSeen)
	w.Flag(h.EdgeLost)
	packKick(w, h.Kick)
}

func unpackHold(r *pack.Reader, user, channel string) *Hold {
	return &Hold{User: user, Channel: channel, Session: r.Text(), Cause: r.Number(), DelayMS: r.Number(),
		Reason: schema.Reason(r.Text()), Initiator: schema.Initiator(r.Text()), LastSeen: r.Time(), EdgeLost: r.Flag(),
		Kick: unpackKick(r)}
}
