package fold

import (
	"errors"
	"fmt"

	"rollcall.dev/events/schema"
)

// Record is one record of the input partition.
type Record struct {
	Offset int64
	Key    []byte
	Value  []byte
}

// Decoded is a record taken apart. It is made outside of the machine, so that
// a reader can do it ahead.
type Decoded struct {
	Record
	Event  schema.Event
	Data   any
	Source schema.Source
	// Err is why the record isn't an event of a known type. Source and
	// sequence may be known nonetheless.
	Err error
}

// Decode takes a record apart; errors are in the result.
func Decode(rec Record) Decoded {
	d := Decoded{Record: rec}
	d.Event, d.Data, d.Err = schema.Decode(rec.Value)
	if n := len(d.Event.Source); n > maxSource {
		d.Err = fmt.Errorf("source has %d bytes, at most %d are allowed", n, maxSource)
		return d // without one: a watermark is kept under it
	}
	d.Source = schema.ParseSource(d.Event.Source)
	return d
}

// maxSource bounds what stands in a key of the changelog.
const maxSource = 1024

// unknown reports a well-formed event of a type that a newer writer made.
func (d *Decoded) unknown() bool {
	_, ok := errors.AsType[*schema.UnknownTypeError](d.Err)
	return ok
}

// input is what the fold gets to see.
func (d *Decoded) input(partition int32, a admission) Input {
	return Input{
		Partition: partition,
		Offset:    d.Offset,
		Key:       string(d.Key),
		Event:     d.Event,
		Data:      d.Data,
		Source:    d.Source,
		Fenced:    a.verdict == Fenced,
		Expired:   a.expired,
	}
}
