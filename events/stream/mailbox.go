package stream

import (
	"encoding/json"
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

// records turns the outputs of a flush into records: events as they are, and
// the mailbox entries of one edge's epoch together, in the order of their
// sequences, in as few records as their size allows.
func records(source, mailboxTopic string, topic func(plain string) string, outputs []fold.Stamped) []bus.Record {
	recs := make([]bus.Record, 0, len(outputs))
	open := map[mailbox]int{} // the index in recs of the record to append to
	for i := range outputs {
		o := &outputs[i]
		if o.Mailbox == nil {
			recs = append(recs, eventRecord(topic(o.Topic), o.Key, o.Partition, o.ID, o.Value))
			continue
		}
		to := mailbox{o.Mailbox.Edge, o.Mailbox.Epoch, o.Mailbox.Partition}
		at, ok := open[to]
		if ok && len(recs[at].Value)+len(o.Value) <= maxMailboxRecord {
			recs[at].Value = append(append(recs[at].Value, ','), o.Value...)
			continue
		}
		open[to] = len(recs)
		recs = append(recs, bus.Record{Topic: mailboxTopic, Partition: to.partition, Key: []byte(to.edge),
			Value: append(mailboxHead(source, to), o.Value...)})
	}
	for i := range recs {
		if recs[i].Topic == mailboxTopic {
			recs[i].Value = append(recs[i].Value, "]}"...)
		}
	}
	return recs
}

// mailboxHead is the JSON of a schema.MailboxRecord up to its first entry. The
// entries are encoded already: to encode the whole would copy them twice.
func mailboxHead(source string, to mailbox) []byte {
	edge, _ := json.Marshal(to.edge) // strings always encode
	from, _ := json.Marshal(source)
	b := make([]byte, 0, 1024)
	b = append(append(b, `{"edge":`...), edge...)
	b = append(b, `,"epoch":`...)
	b = strconv.AppendInt(b, to.epoch, 10)
	b = append(append(b, `,"source":`...), from...)
	return append(b, `,"entries":[`...)
}
