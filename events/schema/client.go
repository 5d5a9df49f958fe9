package schema

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a position in channel.events, as text "partition:offset". Per
// channel it only grows after a state.
type Version struct {
	Partition int32
	Offset    int64
}

func (v Version) String() string {
	return strconv.FormatInt(int64(v.Partition), 10) + ":" + strconv.FormatInt(v.Offset, 10)
}

// MarshalText implements encoding.TextMarshaler.
func (v Version) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Version) UnmarshalText(text []byte) error {
	p, o, ok := strings.Cut(string(text), ":")
	partition, err := strconv.ParseUint(p, 10, 31)
	if err != nil || !ok {
		return fmt.Errorf("version %q: want partition:offset", text)
	}
	offset, err := strconv.ParseUint(o, 10, 63)
	if err != nil {
		return fmt.Errorf("version %q: want partition:offset", text)
	}
	*v = Version{Partition: int32(partition), Offset: int64(offset)}
	return nil
}

// Values of the `type` of what clients receive, also in the MESSAGE frame's
// `event` header.
const (
	ClientPresenceState  = "presence.state"
	ClientPresenceDiff   = "presence.diff"
	ClientMessage        = "message"
	ClientSessionClosing = "session.closing"
	ClientUnsubscribed   = "session.unsubscribed"
)

// Member is one user in a roster.
type Member struct {
	User   string `json:"user"`
	Since  Time   `json:"since,omitzero"`
	Meta   Meta   `json:"meta"`
	Status string `json:"status,omitempty"`
}

// Departure is one user who has left.
type Departure struct {
	User      string    `json:"user"`
	Reason    Reason    `json:"reason"`
	Initiator Initiator `json:"initiator,omitempty"`
	LastSeen  Time      `json:"last_seen,omitzero"`
}

// PresenceState is a whole roster. Above the roster limit Members is truncated
// and Truncated set; Count is always exact.
type PresenceState struct {
	Type      string   `json:"type"`
	Channel   string   `json:"channel"`
	Version   Version  `json:"version"`
	Count     int      `json:"count"`
	Truncated bool     `json:"truncated"`
	Resync    bool     `json:"resync,omitempty"`
	Members   []Member `json:"members"`
	// LastSeen of a personal channel without members: when its user was online
	// last, if that isn't too long ago to be known.
	LastSeen Time `json:"last_seen,omitzero"`
}

// MarshalJSON implements json.Marshaler: a roster without members is [] and
// never null.
func (s PresenceState) MarshalJSON() ([]byte, error) {
	type plain PresenceState
	s.Members = orEmpty(s.Members)
	return Marshal(plain(s))
}

// PresenceDiff is what has changed since the version before. A user in both
// Left and Joined has left and come back.
type PresenceDiff struct {
	Type    string      `json:"type"`
	Channel string      `json:"channel"`
	Version Version     `json:"version"`
	Count   int         `json:"count"`
	Joined  []Member    `json:"joined"`
	Updated []Member    `json:"updated"`
	Left    []Departure `json:"left"`
}

// MarshalJSON implements json.Marshaler: a list of none is [] and never null.
func (d PresenceDiff) MarshalJSON() ([]byte, error) {
	type plain PresenceDiff
	d.Joined, d.Updated, d.Left = orEmpty(d.Joined), orEmpty(d.Updated), orEmpty(d.Left)
	return Marshal(plain(d))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Message is a message in a channel.
type Message struct {
	Type        string `json:"type"`
	Channel     string `json:"channel"`
	ID          string `json:"id"`
	User        string `json:"user,omitempty"`
	At          Time   `json:"at"`
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body"`
	Encoding    string `json:"encoding,omitempty"`
}

// SessionClosing tells a client that its session is about to end, and why.
type SessionClosing struct {
	Type   string `json:"type"`
	Reason Reason `json:"reason"`
	At     Time   `json:"at"`
	Note   string `json:"note,omitempty"`
}

// Unsubscribed tells a client that the server has ended one of its
// subscriptions, and why; the session goes on.
type Unsubscribed struct {
	Type         string `json:"type"`
	Subscription string `json:"subscription"`
	Destination  string `json:"destination"`
	Reason       Reason `json:"reason"`
	At           Time   `json:"at"`
	Note         string `json:"note,omitempty"`
}
