package bus

import (
	"errors"
	"fmt"
)

var (
	// ErrClosed: the producer or subscriber has been closed.
	ErrClosed = errors.New("bus: closed")
	// ErrRecordTooLarge: the record alone exceeds what a batch may hold, ours
	// or the topic's max.message.bytes. It was not written.
	ErrRecordTooLarge = errors.New("bus: record too large")
	// ErrBatchTooLarge: the records exceed MaxBatchBytes together. Nothing was
	// written, and the writer may go on.
	ErrBatchTooLarge = errors.New("bus: batch too large")
	// ErrFenced: a newer holder of the transactional id exists. The records of
	// this call may have been written only if an earlier attempt of the same
	// call got no answer.
	ErrFenced = errors.New("bus: fenced by a newer owner")
	// ErrUnknownOutcome: the records may or may not be in the log.
	ErrUnknownOutcome = errors.New("bus: outcome of the write is unknown")
	// ErrWithdrawn: the record was no longer wanted when it was to be written. It
	// is in the log only if an attempt before was not refused for good.
	ErrWithdrawn = errors.New("bus: no longer wanted")
	// ErrNotInitialized: Append before Init, or after an error that ended the
	// writer's claim.
	ErrNotInitialized = errors.New("bus: writer has no claim: call Init")
	// ErrClaimEnded: the group has taken the partition away.
	ErrClaimEnded = errors.New("bus: the claim has ended")
)

// PartitionCountError: a topic exists with another number of partitions.
type PartitionCountError struct {
	Topic      string
	Want, Have int
}

func (e *PartitionCountError) Error() string {
	return fmt.Sprintf("bus: topic %s has %d partitions, want %d: set the partition count to %d, "+
		"use another topic prefix, or recreate the topic (adding partitions would move keys)",
		e.Topic, e.Have, e.Want, e.Have)
}

// MissingTopicError: a topic (or the partition asked for) doesn't exist.
type MissingTopicError struct {
	Topic string
	// Partition is the one asked for of a topic that exists and has Partitions,
	// which is 0 if it doesn't exist.
	Partition  int32
	Partitions int
}

func (e *MissingTopicError) Error() string {
	if e.Partitions > 0 {
		return fmt.Sprintf("bus: topic %s has no partition %d, it has %d", e.Topic, e.Partition, e.Partitions)
	}
	return fmt.Sprintf("bus: topic %s does not exist: create it, or let the service create its topics", e.Topic)
}

// OffsetRangeError: a reader's position is outside of the log. Below First,
// records were deleted before they were read; above Next, the log was
// truncated or recreated. Neither is ever skipped silently.
type OffsetRangeError struct {
	Topic     string
	Partition int32
	Offset    int64
	// First and Next are the log's start and end.
	First, Next int64
}

func (e *OffsetRangeError) Error() string {
	return fmt.Sprintf("bus: offset %d of %s/%d is outside of the log [%d, %d)",
		e.Offset, e.Topic, e.Partition, e.First, e.Next)
}
