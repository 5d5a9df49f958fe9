package schema

import (
	"errors"
	"fmt"
)

// PresenceJoined says that a user has become a member of a channel.
type PresenceJoined struct {
	Channel string `json:"channel"`
	User    string `json:"user"`
	Meta    Meta   `json:"meta,omitempty"`
	Status  string `json:"status,omitempty"`
	Since   Time   `json:"since,omitzero"`
}

func (d *PresenceJoined) check() error { return checkMember(d.Channel, d.User) }

// PresenceLeft says that a user is no longer a member of a channel.
type PresenceLeft struct {
	Channel   string    `json:"channel"`
	User      string    `json:"user"`
	Reason    Reason    `json:"reason"`
	Initiator Initiator `json:"initiator,omitempty"`
	Since     Time      `json:"since,omitzero"`
	LastSeen  Time      `json:"last_seen,omitzero"`
}

func (d *PresenceLeft) check() error { return checkMember(d.Channel, d.User) }

// PresenceUpdated replaces the meta and status of a member.
type PresenceUpdated struct {
	Channel string `json:"channel"`
	User    string `json:"user"`
	Meta    Meta   `json:"meta,omitempty"`
	Status  string `json:"status,omitempty"`
	Since   Time   `json:"since,omitzero"`
}

func (d *PresenceUpdated) check() error { return checkMember(d.Channel, d.User) }

// MessagePublished is a message to all who are subscribed to a channel. User,
// session and edge are empty for one that came through the HTTP API without.
type MessagePublished struct {
	Channel     string `json:"channel"`
	User        string `json:"user,omitempty"`
	Session     string `json:"session,omitempty"`
	Edge        string `json:"edge,omitempty"`
	Epoch       int64  `json:"epoch,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	// Body is text; where Encoding is "base64" it stands for bytes that are
	// not UTF-8.
	Body     string `json:"body"`
	Encoding string `json:"encoding,omitempty"`
}

func (d *MessagePublished) check() error { return checkPlace(d.Channel) }

// EdgeInterested asks for a channel's state and then its changes. Request
// counts within the epoch; the state names the request that it answers.
type EdgeInterested struct {
	Channel          string `json:"channel"`
	Edge             string `json:"edge"`
	Epoch            int64  `json:"epoch"`
	MailboxPartition int32  `json:"mailbox_partition"`
	Request          int64  `json:"request"`
}

func (d *EdgeInterested) check() error {
	return errors.Join(checkPlace(d.Channel), checkEdge(d.Edge), checkMailbox(d.MailboxPartition))
}

// EdgeUninterested withdraws an interest.
type EdgeUninterested struct {
	Channel string `json:"channel"`
	Edge    string `json:"edge"`
	Epoch   int64  `json:"epoch"`
}

func (d *EdgeUninterested) check() error {
	return errors.Join(checkPlace(d.Channel), checkEdge(d.Edge))
}

func checkMember(channel, user string) error {
	return errors.Join(checkPlace(channel), CheckUser(user))
}

// checkPlace bounds a channel, personal ones included: it stands in keys.
func checkPlace(channel string) error {
	const longest = len(PersonalPrefix) + max(MaxUserLen, MaxChannelLen)
	if channel == "" {
		return errors.New("channel is missing")
	}
	if len(channel) > longest {
		return fmt.Errorf("channel has %d bytes, at most %d are allowed", len(channel), longest)
	}
	return nil
}

// checkMailbox refuses what is no partition: a negative one would mean that the
// key chooses. How many there are, the reader knows.
func checkMailbox(partition int32) error {
	if partition < 0 {
		return fmt.Errorf("mailbox_partition %d is negative", partition)
	}
	return nil
}
