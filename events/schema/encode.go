package schema

import (
	"fmt"
	"unicode/utf8"
)

const specVersion = "1.0"

// The keys of an event in the order in which Encode writes them, with what
// stands around them.
const (
	keyID       = `{"specversion":"` + specVersion + `","id":"`
	keySource   = `,"source":"`
	keyType     = `,"type":"`
	keySubject  = `,"subject":"`
	keyTime     = `,"time":"`
	keySequence = `,"sequence":"`
	keyData     = `,"data":`
)

// envelopeLen is about what the keys, type, time and sequence take.
const envelopeLen = 192

// Encode makes the record value of an event that goes to the given topic (its
// name without prefix) and partition: the bytes that [Marshal] would make of
// the Event, without its second pass over the data.
func Encode(t Type, subject string, at Time, stamp Stamp, topic string, partition int32, data any) (id string, value []byte, err error) {
	raw, err := Marshal(data)
	if err != nil {
		return "", nil, fmt.Errorf("encode data of %s: %w", t, err)
	}
	id = EventID(stamp.Source, topic, partition, stamp.Sequence)
	b := make([]byte, 0, envelopeLen+len(id)+len(stamp.Source)+len(subject)+len(raw))
	b = append(b, keyID...)
	b = appendText(b, id)
	b = append(b, keySource...)
	b = appendText(b, stamp.Source)
	b = append(b, keyType...)
	b = appendText(b, string(t))
	if subject != "" {
		b = append(b, keySubject...)
		b = appendText(b, subject)
	}
	b = append(b, keyTime...)
	b = at.UTC().AppendFormat(b, timeLayout)
	b = append(b, '"')
	b = append(b, keySequence...)
	b, _ = stamp.Sequence.AppendText(b)
	b = append(b, '"')
	b = append(b, keyData...)
	b = append(b, raw...)
	return id, append(b, '}'), nil
}

// appendText appends a JSON string and its closing quote, as [Marshal]
// writes it; the opening quote is part of the key.
func appendText(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			quoted, _ := Marshal(s) // a string always has a JSON form
			return append(b, quoted[1:]...)
		}
	}
	b = append(b, s...)
	return append(b, '"')
}
