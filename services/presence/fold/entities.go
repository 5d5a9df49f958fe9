package fold

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// Session is a live session. Entities are never changed once they were put.
type Session struct {
	User string `json:"user"`
	ID   string `json:"session"`
	Edge string `json:"edge"`
	// Epoch is that of the edge when it last announced the session.
	Epoch            int64       `json:"epoch"`
	MailboxPartition int32       `json:"mailbox_partition"`
	Protocol         string      `json:"protocol,omitempty"`
	UserAgent        string      `json:"user_agent,omitempty"`
	Meta             schema.Meta `json:"meta,omitempty"`
	Status           string      `json:"status,omitempty"`
	// Said is set once the session has given a meta or status, were it to
	// empty them again.
	Said bool `json:"said,omitempty"`
	// Connected is the offset of the session's first announcement.
	Connected   int64       `json:"connected"`
	ConnectedAt schema.Time `json:"connected_at"`
	// Subscriptions are sorted by channel, then by id.
	Subscriptions []schema.Subscription `json:"subscriptions,omitempty"`
	// Kick is a command that ends the session, kept until the end is seen.
	Kick *Kick `json:"kick,omitempty"`
}

// Kick is a kick that was passed on to the session's edge.
type Kick struct {
	Note string `json:"note,omitempty"`
}

// Hold keeps a session's place in a channel for DelayMS after its end there.
type Hold struct {
	User    string `json:"user"`
	Channel string `json:"channel"`
	Session string `json:"session"`
	// Cause is the offset of the event that ended the session there.
	Cause     int64            `json:"cause"`
	DelayMS   int64            `json:"delay_ms"`
	Reason    schema.Reason    `json:"reason"`
	Initiator schema.Initiator `json:"initiator,omitempty"`
	LastSeen  schema.Time      `json:"last_seen"`
	// EdgeLost: the session may still live and be announced again, so no other
	// session takes its place.
	EdgeLost bool `json:"edge_lost,omitempty"`
	// Kick, of the personal channel's hold for a lost edge, meets the session
	// should it be announced again.
	Kick *Kick `json:"kick,omitempty"`
}

// Membership is what was told of a user in a channel: it exists from
// presence.joined to presence.left.
type Membership struct {
	User    string      `json:"user"`
	Channel string      `json:"channel"`
	Since   schema.Time `json:"since"`
	Meta    schema.Meta `json:"meta,omitempty"`
	Status  string      `json:"status,omitempty"`
}

// Seen is when an offline user was online last, and why that ended. It begins
// with the presence.left of the personal channel; a return ends it, or a
// leave.due once the log no longer goes back to Cause.
type Seen struct {
	User string `json:"user"`
	// Session is the last one.
	Session   string           `json:"session"`
	LastSeen  schema.Time      `json:"last_seen"`
	Reason    schema.Reason    `json:"reason"`
	Initiator schema.Initiator `json:"initiator,omitempty"`
	// Cause is the offset of the event by which the user was told to have left.
	// It is no hold's: the event that begins a hold tells nothing.
	Cause int64 `json:"cause"`
}

// Command remembers the idempotency key of a command.
type Command struct {
	User string `json:"user"`
	Key  string `json:"key"`
}

// Counter counts the commands that were remembered.
type Counter struct {
	N int64 `json:"n"`
}

// Decode implements the codec of entities. Nearly all of a changelog is written
// as Encode writes it; what isn't, by a former version or by hand, takes longer.
func (presence) Decode(key string, value []byte) (stream.Entity, error) {
	kind, _, _ := strings.Cut(key, separator)
	if e, ok := decodePlain(kind, value); ok {
		return e, nil
	}
	var e stream.Entity
	switch kind {
	case kindSession:
		e = new(Session)
	case kindHold:
		e = new(Hold)
	case kindMembership:
		e = new(Membership)
	case kindSeen:
		e = new(Seen)
	case kindKicked:
		e = new(Kicked)
	case kindCommand:
		e = new(Command)
	case kindCounter:
		e = new(Counter)
	default:
		return nil, fmt.Errorf("decode entity %q: unknown kind", key)
	}
	if err := json.Unmarshal(value, e); err != nil {
		return nil, fmt.Errorf("decode entity %q: %w", key, err)
	}
	return e, nil
}

// Encode implements the codec of entities.
func (presence) Encode(dst []byte, key string, e stream.Entity) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return dst, fmt.Errorf("encode entity %q: %w", key, err)
	}
	return append(dst, b...), nil
}

// Index finds commands by idempotency key. Sessions have none: those of a user
// are few, and an edge is lost so rarely that all of a partition are gone
// through then.
func (presence) Index(_ string, e stream.Entity) []string {
	if c, ok := e.(*Command); ok {
		return []string{join(indexCommands, c.User, c.Key)}
	}
	return nil
}

// channels are those in which the session is a member, each once and sorted
// but for the first: its user's personal one.
func (s *Session) channels() []string {
	if s == nil {
		return nil
	}
	list := []string{schema.Personal(s.User)}
	for _, sub := range s.Subscriptions {
		if sub.Role == schema.RoleMember && sub.Channel != list[len(list)-1] {
			list = append(list, sub.Channel)
		}
	}
	return list
}

func (s *Session) member(channel string) bool {
	return s != nil && (channel == schema.Personal(s.User) || slices.ContainsFunc(s.Subscriptions,
		func(sub schema.Subscription) bool { return sub.Role == schema.RoleMember && sub.Channel == channel }))
}

// sorted brings subscriptions into the order of Session.Subscriptions, one for
// each id, the last of equal ids.
func sorted(subs []schema.Subscription) []schema.Subscription {
	byID := make(map[string]schema.Subscription, len(subs))
	for _, sub := range subs {
		byID[sub.ID] = sub
	}
	return slices.SortedFunc(maps.Values(byID), func(a, b schema.Subscription) int {
		if c := strings.Compare(a.Channel, b.Channel); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
}

// says reports whether the values are those that were told.
func (m *Membership) says(meta schema.Meta, status string) bool {
	return maps.Equal(m.Meta, meta) && m.Status == status
}
