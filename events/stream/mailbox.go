package stream

import (
	"encoding/json"
	"slices"
	"strconv"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/stream/fold"
)

// maxMailboxRecord is the size at which another record is begun. A single
// entry may be larger.
const maxMailboxRecord = 512 << 10

type mailbox struct {
	edge      string
	epoch     int64
	partition int32
}

// opened is the record that the next entry for the same mailbox goes into.
type opened struct {
	to mailbox
	at int
}

// records turns the outputs of a flush into records: events as they are, and
// the mailbox entries of one edge's epoch together, in the order of their
// sequences, in as few records as their size allows. What is for an edge's other
// epoch begins another record: an edge reads its entries in the order of their
// sequences, whatever they are addressed to, or it would take a state first and
// drop the changes and messages from before it. An entry is copied once, and let
// go of.
func records(source, mailboxTopic string, topic func(plain string) string, outputs []fold.Stamped) outgoing {
	out := outgoing{recs: make([]bus.Record, 0, len(outputs)), offsets: make([]int64, 0, len(outputs))}
	open := map[string]opened{}        // the record to append to, per edge
	into := make([]int, len(outputs))  // the index of each entry's record
	sizes := make([]int, len(outputs)) // of records that hold entries, else 0
	for i := range outputs {
		o := &outputs[i]
		if o.Mailbox == nil {
			out.add(eventRecord(topic(o.Topic), o.Key, o.Partition, o.ID, o.Value), o.Sequence.Offset)
			continue
		}
		to := mailbox{o.Mailbox.Edge, o.Mailbox.Epoch, o.Mailbox.Partition}
		last, ok := open[to.edge]
		at := last.at
		if !ok || last.to != to || sizes[at]+len(o.Value) > maxMailboxRecord {
			at = len(out.recs)
			open[to.edge] = opened{to, at}
			head := mailboxHead(source, to)
			sizes[at] = len(head)
			out.add(bus.Record{Topic: mailboxTopic, Partition: to.partition, Key: []byte(to.edge), Value: head}, o.Sequence.Offset)
		}
		into[i] = at
		sizes[at] += len(o.Value) + 1 // and a comma, or the end's bracket
	}
	for i := range outputs {
		if o := &outputs[i]; o.Mailbox != nil {
			out.recs[into[i]].Value = appendEntry(out.recs[into[i]].Value, o.Value, sizes[into[i]])
			o.Value = nil
		}
	}
	for i := range out.recs {
		if sizes[i] > 0 {
			out.recs[i].Value = append(out.recs[i].Value, "]}"...)
		}
	}
	return out
}

// appendEntry adds an entry to a record that will have size bytes and its last
// brace.
func appendEntry(value, entry []byte, size int) []byte {
	if value[len(value)-1] != '[' { // that of a head; an entry is an object
		value = append(value, ',')
	} else {
		value = slices.Grow(value, size+1-len(value))
	}
	return append(value, entry...)
}

// mailboxHead is the JSON of a schema.MailboxRecord up to its first entry. The
// entries are encoded already: to encode the whole would copy them twice.
func mailboxHead(source string, to mailbox) []byte {
	edge, _ := json.Marshal(to.edge) // strings always encode
	from, _ := json.Marshal(source)
	b := make([]byte, 0, len(edge)+len(from)+64)
	b = append(append(b, `{"edge":`...), edge...)
	b = append(b, `,"epoch":`...)
	b = strconv.AppendInt(b, to.epoch, 10)
	b = append(append(b, `,"source":`...), from...)
	return append(b, `,"entries":[`...)
}
