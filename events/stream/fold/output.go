package fold

import "rollcall.dev/events/schema"

// AnyPartition, as the partition of an event, lets its key choose.
const AnyPartition int32 = -1

// MaxOutput bounds one output, encoded, with its key, in bytes; the broker
// refuses a batch above 1,048,588 for good.
const MaxOutput = 900_000

// Output is one thing that follows from an input: an event or, where Mailbox
// is set, an entry of an edge's mailbox.
type Output struct {
	// Topic is a name without prefix: schema.TopicLifecycle or
	// schema.TopicChannelEvents. Not used for a mailbox entry.
	Topic   string
	Type    schema.Type
	Subject string
	Key     string
	// Partition is explicit, or AnyPartition.
	Partition int32
	// Time is shown to people: that of the input, for a fold has no clock.
	Time schema.Time
	Data any

	Mailbox *MailboxOutput
}

// MailboxOutput is an entry for an epoch of an edge. The runtime stamps
// Entry.Sequence, and puts the entries of one flush for one edge into one
// record.
type MailboxOutput struct {
	Edge  string
	Epoch int64
	// Partition of edge.mailbox, as the edge has told it.
	Partition int32
	Entry     schema.MailboxEntry
}

// Stamped is an output as it is written.
type Stamped struct {
	Sequence schema.Sequence
	// Topic without prefix.
	Topic     string
	Key       string
	Partition int32
	ID        string
	// Value is the encoded event, or the encoded entry of a mailbox.
	Value []byte
	// Mailbox is set for an entry, with its sequence in it.
	Mailbox *MailboxOutput
}

// size is about what the output takes in a batch; an edge's id stands in the
// record's key and, quoted, in its value.
func (s *Stamped) size() int {
	n := len(s.Value) + len(s.Key) + len(s.ID)
	if s.Mailbox != nil {
		n += 7 * len(s.Mailbox.Edge)
	}
	return n
}
