package outbox

import (
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

func (o *Outbox) lane(topic, key string) *lane { return o.lanes[topic][o.PartitionOf(key)] }

// PartitionOf is the partition of a key.
func (o *Outbox) PartitionOf(key string) int32 { return bus.Partition([]byte(key), o.cfg.Partitions) }

// Partitions is how many each topic has.
func (o *Outbox) Partitions() int { return o.cfg.Partitions }

// Room reports whether a lane has got rid of enough to be told the present
// state of what it refused, or of a new epoch: half of its bound is free.
func (o *Outbox) Room(topic string, partition int32) bool {
	waiting, _ := o.lanes[topic][partition].depth()
	return waiting <= o.cfg.Limit/2
}

// Full reports whether a lane of session events is at its bound: no session
// may begin.
func (o *Outbox) Full() bool {
	for _, l := range o.lanes[schema.TopicLifecycle] {
		if waiting, _ := l.depth(); waiting >= o.cfg.Limit {
			return true
		}
	}
	return false
}

// Oldest is the age of the oldest event that Kafka hasn't acknowledged, counted
// from when it was added, or from before that if it waited elsewhere; 0 if there
// is none.
func (o *Outbox) Oldest() time.Duration {
	var oldest time.Time
	for _, topic := range topics {
		for _, l := range o.lanes[topic] {
			oldest = earlier(oldest, l.oldest())
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return time.Since(oldest)
}

// Depth is how many events Kafka hasn't acknowledged.
func (o *Outbox) Depth() int { return int(o.pending.Load()) }

// Refused counts events that found their lane full.
func (o *Outbox) Refused() int64 { return o.refused.Load() }
