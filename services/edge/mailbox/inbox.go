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
	edge   string
	epochs []own // the newest, the last one the current
	stats  Stats
}

// own is an epoch of this process, with the highest sequence of each source.
// Each epoch has its own: within one flush of a task the records for two epochs
// of an edge, one old and one new, each have rising sequences, but not one after
// the other.
type own struct {
	epoch int64
	marks map[string]schema.Sequence
}

// Stats counts entries.
type Stats struct{ Delivered, Repeated, Foreign int64 }

// keptEpochs bounds the watermarks: an epoch is addressed until the tasks have
// read the newer one's interests. Without its watermarks repeats couldn't be
// told any more, so what comes for an older one is dropped: the states that the
// newer ones ask for make good for it.
const keptEpochs = 8

// maxSources bounds the watermarks of one epoch. There are as many as tasks;
// beyond it they are forgotten together, which costs repeats of messages at
// worst: a roster drops repeats by its version as well.
const maxSources = 10_000

// NewInbox makes the inbox of an edge.
func NewInbox(edge string) *Inbox {
	return &Inbox{edge: edge}
}

// Enter notes a new epoch of this process. Entries for its former epochs are
// still good: they carry on where the new one's states aren't there yet.
func (b *Inbox) Enter(epoch int64) {
	b.epochs = append(b.epochs, own{epoch, map[string]schema.Sequence{}})
	if n := len(b.epochs) - keptEpochs; n > 0 {
		b.epochs = slices.Delete(b.epochs, 0, n)
	}
}

// Epoch is the current one, 0 before the first.
func (b *Inbox) Epoch() int64 {
	if len(b.epochs) == 0 {
		return 0
	}
	return b.epochs[len(b.epochs)-1].epoch
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
	marks := b.marksOf(rec.Epoch)
	if rec.Edge != b.edge || marks == nil {
		b.stats.Foreign += int64(len(rec.Entries))
		return nil
	}
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

// marksOf are the watermarks of an epoch, nil if it is none of those kept.
func (b *Inbox) marksOf(epoch int64) map[string]schema.Sequence {
	i := slices.IndexFunc(b.epochs, func(o own) bool { return o.epoch == epoch })
	if i < 0 {
		return nil
	}
	if marks := b.epochs[i].marks; len(marks) >= maxSources {
		clear(marks)
	}
	return b.epochs[i].marks
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
