package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MailboxRecord is one record of edge.mailbox: entries of one source for one
// epoch of an edge, in the order of their sequences. Its key is the edge.
type MailboxRecord struct {
	Edge    string         `json:"edge"`
	Epoch   int64          `json:"epoch"`
	Source  string         `json:"source"`
	Entries []MailboxEntry `json:"entries"`
}

// MailboxEntry is one thing that an edge must deliver or do, with its own
// sequence within the record's source.
type MailboxEntry struct {
	Sequence Sequence `json:"sequence"`
	// Type is the event's that the entry passes on (presence.joined, .left,
	// .updated, message.published), or one of the Mailbox… types.
	Type    Type   `json:"type"`
	Channel string `json:"channel,omitempty"`
	// Version is the position in channel.events that the entry stands for.
	Version Version `json:"version,omitzero"`
	// ID and Time are those of the event that is passed on.
	ID   string          `json:"id,omitempty"`
	Time Time            `json:"time,omitzero"`
	Data json.RawMessage `json:"data"`
}

// MailboxState is the type of an entry whose data are a ChannelState.
const MailboxState Type = "rollcall.mailbox.state.v1"

// MailboxCommand is the type of an entry whose data are a SessionCommand with
// one session of the edge.
const MailboxCommand Type = "rollcall.mailbox.command.v1"

// ChannelState is one part of a channel's state as of the entry's version. All
// parts of one answer have the same version and request.
type ChannelState struct {
	Request int64 `json:"request"`
	// Part counts from 0, Parts is their number.
	Part    int             `json:"part"`
	Parts   int             `json:"parts"`
	Members []ChannelMember `json:"members"`
	// LastSeen is when the user of a personal channel without members was there
	// last, as far back as the log goes.
	LastSeen Time `json:"last_seen,omitzero"`
}

// ChannelMember is a member with the offset of its join in channel.events, by
// which a leave and return in between is told from a stay.
type ChannelMember struct {
	Member
	Joined int64 `json:"joined"`
}

// MaxStatePart bounds the size of one part of a state, in bytes.
const MaxStatePart = 512 << 10

// Kinds of instances in cluster.heartbeat.
const (
	KindEdge     = "edge"
	KindPresence = "presence"
	KindNotifier = "notifier"
)

// Heartbeat is one record of cluster.heartbeat. Its key is kind/instance.
type Heartbeat struct {
	Kind     string `json:"kind"`
	Instance string `json:"instance"`
	// Claim is set in an edge's first record of an epoch, unique to it; that
	// record's offset is the epoch. Epoch in it is the first one of the same
	// process, 0 if it is this one.
	Claim string `json:"claim,omitempty"`
	// Beat counts the records of one run of an instance, so that it knows its
	// own when they come back (canary).
	Run  string `json:"run,omitempty"`
	Beat int64  `json:"beat,omitempty"`
	At   Time   `json:"at"`
	HTTP string `json:"http,omitempty"`
	// Ask is set by who waits for the edges' next beats: they beat at once.
	Ask bool `json:"ask,omitempty"`

	// Of edges.
	Epoch            int64 `json:"epoch,omitempty"`
	MailboxPartition int32 `json:"mailbox_partition,omitempty"`
	Sessions         int   `json:"sessions,omitempty"`
	Draining         bool  `json:"draining,omitempty"`
	// OldestMS is the age of the oldest event that Kafka hasn't acknowledged,
	// rounded up: 0 if there is none.
	OldestMS int64 `json:"oldest_ms,omitempty"`
	// Heard is the offset of a record of this topic that the edge had read, or
	// had acknowledged, before it made the beat; 0 if it doesn't tell. So what
	// OldestMS says is younger than that record, whatever the clocks say.
	Heard int64 `json:"heard,omitempty"`
	// IntervalMS is how often the edge beats; 0 if it doesn't tell.
	IntervalMS int64 `json:"interval_ms,omitempty"`
	// Stopped says goodbye: the epoch holds no session any more and its outbox
	// is empty.
	Stopped bool `json:"stopped,omitempty"`

	// Of presence and notifier: owned input partitions, and verdicts on edges.
	Partitions []int32       `json:"partitions,omitempty"`
	Verdicts   []EdgeVerdict `json:"verdicts,omitempty"`
}

// EdgeVerdict tells an edge that an epoch of its is over for a task: its lease
// ran out, or a gap was seen in its sequence. It claims a new epoch then.
type EdgeVerdict struct {
	Edge    string  `json:"edge"`
	Epoch   int64   `json:"epoch"`
	Verdict Verdict `json:"verdict"`
}

// Verdict on an edge's epoch.
type Verdict string

// The verdicts.
const (
	VerdictExpired Verdict = "expired"
	VerdictGap     Verdict = "gap"
)

// DeadLetter is a record of rollcall.deadletter: what could not be handled.
// Its key is the original one.
type DeadLetter struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Error     string `json:"error"`
	Service   string `json:"service,omitempty"`
	At        Time   `json:"at"`
	// Key and Value are the original bytes, in base64 as encoding/json writes
	// them.
	Key   []byte `json:"key,omitempty"`
	Value []byte `json:"value,omitempty"`
	// Text is the value once more where it is UTF-8, for people.
	Text string `json:"text,omitempty"`
}

// Limits of a dead letter's parts, in bytes, so that it always fits into a
// batch: base64 makes four of three, JSON may make six of one.
const (
	maxDeadKey   = 10_000
	maxDeadValue = 400_000
	maxDeadText  = 50_000
	maxDeadError = 8_000
)

// Bounded is the letter as it can be written, whatever it is about: what is too
// long is cut, and the error says so. Text is set where it is short.
func (d DeadLetter) Bounded() DeadLetter {
	value := d.Value
	d.Key, d.Value = d.Key[:min(len(d.Key), maxDeadKey)], value[:min(len(value), maxDeadValue)]
	d.Error = strings.ToValidUTF8(d.Error[:min(len(d.Error), maxDeadError)], "")
	if len(value) > maxDeadValue {
		d.Error += fmt.Sprintf(" (the first %d of %d bytes)", maxDeadValue, len(value))
	}
	d.Text = ""
	if len(value) <= maxDeadText && utf8.Valid(value) {
		d.Text = string(value)
	}
	return d
}
