package fold

import (
	"encoding/json"
	"fmt"

	"rollcall.dev/events/schema"
)

// stamp gives the outputs of the input at offset their sequence and encodes
// them. What can't be written makes the input poison.
func (m *Machine) stamp(offset int64, outputs []Output) ([]Stamped, error) {
	if len(outputs) == 0 {
		return nil, nil
	}
	source := m.Source()
	all := make([]Stamped, len(outputs))
	for i, o := range outputs {
		seq := schema.Sequence{Offset: offset, Index: i}
		var err error
		if o.Mailbox != nil {
			all[i], err = stampEntry(seq, *o.Mailbox)
		} else {
			all[i], err = m.stampEvent(source, seq, o)
		}
		if err == nil {
			err = m.writable(&all[i])
		}
		if err != nil {
			return nil, fmt.Errorf("output %d of offset %d: %w", i, offset, err)
		}
	}
	return all, nil
}

// writable reports why no broker would ever take an output: those before it and
// behind it must not wait for that.
func (m *Machine) writable(s *Stamped) error {
	if n := s.size(); n > MaxOutput {
		return fmt.Errorf("has %d bytes, at most %d are allowed", n, MaxOutput)
	}
	byKey := s.Mailbox == nil && s.Partition == AnyPartition
	if !byKey && !within(m.partitions, s.Partition) {
		return fmt.Errorf("goes to partition %d of %s, which has %d", s.Partition, s.Topic, m.partitions)
	}
	return nil
}

// within reports that there is a partition among so many; 0 if that isn't known.
func within(partitions int, partition int32) bool {
	return partitions == 0 || partition >= 0 && int(partition) < partitions
}

// stampEvent encodes an event. The place in its id is the one that the
// sequence counts in: the input partition, not that which the key will choose.
func (m *Machine) stampEvent(source string, seq schema.Sequence, o Output) (Stamped, error) {
	stamp := schema.Stamp{Source: source, Sequence: seq}
	id, value, err := schema.Encode(o.Type, o.Subject, o.Time, stamp, o.Topic, m.task.Partition, o.Data)
	return Stamped{
		Sequence: seq, Topic: o.Topic, Key: o.Key, Partition: o.Partition,
		ID: id, Value: value,
	}, err
}

func stampEntry(seq schema.Sequence, o MailboxOutput) (Stamped, error) {
	o.Entry.Sequence = seq
	encoded, err := json.Marshal(&o.Entry)
	return Stamped{Sequence: seq, Topic: schema.TopicMailbox, Partition: o.Partition, Mailbox: &o, Value: encoded}, err
}
