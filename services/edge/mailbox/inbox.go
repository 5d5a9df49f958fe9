// Package mailbox reads what the notifier and presence tasks have for this
// edge: changes and states of channels, and commands to sessions.
//
// An edge's mailbox is one explicit partition of edge.mailbox, read from where
// it ended before the edge's first claim. Edges may share a partition: records
// of others are told by their key. [Inbox] decides what is new; [Reader] is the
// shell around it.
package mailbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/roster"
)

// Command is a session command, with its stamp for logs.
type Command struct {
	Source string
	ID     string
	*schema.SessionCommand
}

// Channel is what one delivery has for one channel, in order.
type Channel struct {
	Name    string
	Entries []roster.Entry
}

// Delivery is what one read brought. Channels are in the order of their first
// entry; the order within a channel is that of its log.
type Delivery struct {
	Channels []Channel
	Commands []Command
	index    map[string]int
}

// Empty reports that there is nothing to deliver.
func (d *Delivery) Empty() bool { return len(d.Channels) == 0 && len(d.Commands) == 0 }

func (d *Delivery) add(channel string, e roster.Entry) {
	i, ok := d.index[channel]
	if !ok {
		if d.index == nil {
			d.index = map[string]int{}
		}
		i = len(d.Channels)
		d.index[channel] = i
		d.Channels = append(d.Channels, Channel{Name: channel})
	}
	d.Channels[i].Entries = append(d.Channels[i].Entries, e)
}

// Inbox drops what isn't for this process and what was there before. Not safe
// for concurrent use.
type Inbox struct {
	edge        string
	first, last int64 // own epochs
	// marks are the highest sequences, per epoch addressed and source: within
	// one flush of a task the records for two epochs of an edge, one old and
	// one new, each have rising sequences, but not one after the other.
	marks map[int64]map[string]schema.Sequence
	stats Stats
}

// Stats counts entries.
type Stats struct{ Delivered, Repeated, Foreign int64 }

// keptEpochs bounds the watermarks: an epoch is addressed until the tasks have
// read the newer one's interests.
const keptEpochs = 4

// maxSources bounds the watermarks of one epoch. There are as many as tasks;
// beyond it they are forgotten together, which costs repeats of messages at
// worst: a roster drops repeats by its version as well.
const maxSources = 10_000

// NewInbox makes the inbox of an edge.
func NewInbox(edge string) *Inbox {
	return &Inbox{edge: edge, marks: map[int64]map[string]schema.Sequence{}}
}

// Enter notes a new epoch of this process. Entries for its former epochs are
// still good: they carry on where the new one's states aren't there yet.
func (b *Inbox) Enter(epoch int64) {
	if b.first == 0 {
		b.first = epoch
	}
	b.last = epoch
	for len(b.marks) > keptEpochs {
		delete(b.marks, slices.Min(slices.Collect(maps.Keys(b.marks))))
	}
}

// Stats is what was counted so far.
func (b *Inbox) Stats() Stats { return b.stats }

// Take adds what is new in a record to a delivery. The error says what can't be
// decoded; the rest of the record is delivered all the same.
func (b *Inbox) Take(d *Delivery, key, value []byte) error {
	if string(key) != b.edge {
		return b.passOver(key, value)
	}
	var rec schema.MailboxRecord
	if err := json.Unmarshal(value, &rec); err != nil {
		return fmt.Errorf("decode mailbox record: %w", err)
	}
	if rec.Edge != b.edge || rec.Epoch < b.first || rec.Epoch > b.last {
		b.stats.Foreign += int64(len(rec.Entries))
		return nil
	}
	marks := b.marksOf(rec.Epoch)
	var errs []error
	for i := range rec.Entries {
		e := &rec.Entries[i]
		if mark, ok := marks[rec.Source]; ok && !e.Sequence.Above(mark) {
			b.stats.Repeated++
			continue
		}
		marks[rec.Source] = e.Sequence
		if err := b.deliver(d, rec.Source, e); err != nil {
			errs = append(errs, fmt.Errorf("decode mailbox entry %v: %w", e.Sequence, err))
		}
	}
	return errors.Join(errs...)
}

// passOver leaves a record to the edge of its key, which may share the
// partition. What no task wrote may have no edge to report it.
func (b *Inbox) passOver(key, value []byte) error {
	if len(key) > 0 && json.Valid(value) {
		return nil
	}
	return fmt.Errorf("decode mailbox record: key %q is no edge's, or its value isn't JSON", key)
}

func (b *Inbox) marksOf(epoch int64) map[string]schema.Sequence {
	marks := b.marks[epoch]
	if marks == nil || len(marks) >= maxSources {
		marks = map[string]schema.Sequence{}
		b.marks[epoch] = marks
	}
	return marks
}

func (b *Inbox) deliver(d *Delivery, source string, e *schema.MailboxEntry) error {
	switch e.Type {
	case schema.MailboxCommand:
		c := Command{Source: source, ID: e.ID, SessionCommand: new(schema.SessionCommand)}
		if err := json.Unmarshal(e.Data, c.SessionCommand); err != nil {
			return err
		}
		d.Commands = append(d.Commands, c)
	case schema.MailboxState:
		state := new(schema.ChannelState)
		if err := json.Unmarshal(e.Data, state); err != nil {
			return err
		}
		d.add(e.Channel, roster.Entry{Version: e.Version, Data: state})
	default:
		data, err := schema.DecodeData(e.Type, e.Data)
		if err != nil {
			return err
		}
		d.add(e.Channel, roster.Entry{Version: e.Version, Time: e.Time, ID: e.ID, Data: data})
	}
	b.stats.Delivered++
	return nil
}
