package fold

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// Member is a user in a channel. Entities are never changed once they were put.
type Member struct {
	schema.ChannelMember
}

// Channel counts the members of a channel. It exists while there are any.
type Channel struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Seen is when the user of an empty personal channel was there last. A return
// ends it, or a leave.due once the log no longer goes back to Cause.
type Seen struct {
	User     string      `json:"user"`
	LastSeen schema.Time `json:"last_seen"`
	// Cause is the offset of the presence.left.
	Cause int64 `json:"cause"`
}

// Interest is that of an edge's epoch in a channel.
type Interest struct {
	Channel          string `json:"channel"`
	Edge             string `json:"edge"`
	Epoch            int64  `json:"epoch"`
	MailboxPartition int32  `json:"mailbox_partition"`
	// Request is the newest that was answered.
	Request int64 `json:"request"`
}

// Decode implements the codec of entities.
func (notifier) Decode(key string, value []byte) (stream.Entity, error) {
	kind, _, _ := strings.Cut(key, separator)
	var e stream.Entity
	switch kind {
	case kindMember:
		e = new(Member)
	case kindChannel:
		e = new(Channel)
	case kindSeen:
		e = new(Seen)
	case kindInterest:
		e = new(Interest)
	default:
		return nil, fmt.Errorf("decode entity %q: unknown kind", key)
	}
	if err := json.Unmarshal(value, e); err != nil {
		return nil, fmt.Errorf("decode entity %q: %w", key, err)
	}
	return e, nil
}

// Encode implements the codec of entities.
func (notifier) Encode(dst []byte, key string, e stream.Entity) ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return dst, fmt.Errorf("encode entity %q: %w", key, err)
	}
	return append(dst, b...), nil
}

// Plain implements stream.Fold: members and counts are found by their keys, and
// wait for nothing.
func (notifier) Plain(key string) bool {
	return strings.HasPrefix(key, kindMember+separator) || strings.HasPrefix(key, kindChannel+separator)
}

// Index finds interests by edge.
func (notifier) Index(_ string, e stream.Entity) []string {
	if i, ok := e.(*Interest); ok {
		return []string{join(indexEdge, i.Edge, i.Channel)}
	}
	return nil
}

// says reports whether a member's meta and status are those.
func (m *Member) says(meta schema.Meta, status string) bool {
	return maps.Equal(m.Meta, meta) && m.Status == status
}
