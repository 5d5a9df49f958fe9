package bus

import "time"

// AnyPartition lets the key choose the partition (murmur2, as Java clients do).
const AnyPartition int32 = -1

// Offsets by meaning, with the values that the Kafka protocol and kafka-go use.
const (
	// LastOffset is the log end: the offset the next record will get.
	LastOffset int64 = -1
	// FirstOffset is the log start: the oldest record still kept.
	FirstOffset int64 = -2
)

// Header is one key and value beside a record's value.
type Header struct {
	Key   string
	Value []byte
}

// Record is one Kafka record.
//
// Published: Offset is ignored, Partition may be AnyPartition, a zero Time
// means now. Read: Key, Value and header values share the memory of their
// batch; copy what is kept for long, or a small value keeps megabytes.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	// Value nil is a tombstone: it deletes the key from a compacted topic.
	Value   []byte
	Headers []Header
	// Time is for people. Nothing may be decided by it.
	Time time.Time
}
