package fold

import (
	"time"

	"rollcall.dev/events/schema"
)

// Entity is one piece of a fold's state, a pointer to a struct of the fold. It
// is immutable: a fold never changes one that it got, it puts a new one.
type Entity any

// Fold is what a service decides. All its methods are functions of their
// arguments alone: no clock, no settings, no order of a map.
type Fold interface {
	// Name is the service's: "presence". It is part of the source of outputs.
	Name() string
	// Version is that of the fold's rules; it stands in owner.started.
	Version() int

	// Decode and Encode turn an entity into its changelog value and back.
	// Encode appends to dst; what it makes must be at most [MaxEntity] bytes
	// and must not look like a deletion (a JSON object whose first field is
	// "deleted").
	Decode(key string, value []byte) (Entity, error)
	Encode(dst []byte, key string, e Entity) ([]byte, error)

	// Pack appends an entity to dst in the form in which the store keeps it, and
	// Unpack makes it again: one that encodes alike. Most entities are kept for
	// hours and looked at a few times, so what counts is how small that is.
	Pack(dst []byte, key string, e Entity) []byte
	Unpack(key, packed string) Entity

	// Plain tells of a key alone that its entity never has an index key and
	// never waits: so that nobody has to unpack it for that.
	Plain(key string) bool

	// Index returns the secondary keys by which [Tx.ScanIndex] finds the
	// entity, if any.
	Index(key string, e Entity) []string

	// Due reports that the entity waits for a leave.due, and when that is to be
	// written. A delay is counted on the owner's clock from its reading of the
	// record that put the entity, or from its take-over.
	Due(key string, e Entity) (Due, bool)

	// Apply folds one record into the state and emits what follows from it. A
	// panic discards all that it did and sends the record to the dead letter.
	Apply(tx *Tx, in Input)
}

// MaxEntity bounds an entity's changelog value, in bytes.
const MaxEntity = 900_000

// Input is one record of the input partition.
type Input struct {
	Partition int32
	Offset    int64
	// Key is the record's: the user, or the channel.
	Key   string
	Event schema.Event
	// Data is a pointer to the schema's struct for Event.Type.
	Data   any
	Source schema.Source
	// Fenced marks an event of an edge epoch that is over: older than the
	// newest one, or expired. It must not change the state; a fold sees it only
	// for the answer that it may owe.
	Fenced bool
	// Expired marks a fenced event of the newest epoch, which has expired. It is
	// no repeat: what it says may be passed on where it changes nothing.
	Expired bool
}

// Due is the content of a leave.due, and what to wait for before it is written.
type Due struct {
	Delay time.Duration
	// Aged: the wait isn't for a delay but for the start of the log to pass
	// Cause. It costs no timer; see [Machine.Aged].
	Aged    bool
	User    string
	Session string
	// Cause is the offset of the input that began the wait.
	Cause int64
}
