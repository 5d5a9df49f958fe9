package bus

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

const listOffsetsVersion = 2

// listOffset asks the leader for FirstOffset or LastOffset of a partition.
func (c *Client) listOffset(ctx context.Context, topic string, partition int32, which int64) (int64, error) {
	be := binary.BigEndian
	b := appendHeader(nil, protocol.ListOffsets, listOffsetsVersion, c.cfg.ClientID)
	b = be.AppendUint32(b, 0xffffffff) // replica: a consumer
	b = append(b, 0)                   // read uncommitted
	b = be.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(partition))
	b = be.AppendUint64(b, uint64(which))
	sealFrame(b)
	f := &frame{api: protocol.ListOffsets, version: listOffsetsVersion, topic: topic, partition: partition, data: b}
	cur, err := c.exchange(ctx, f, callTimeout)
	if err != nil {
		return 0, err
	}
	cur.int32() // throttle time
	if cur.count(1) != 1 {
		return 0, fmt.Errorf("answer names no topic")
	}
	cur.str()
	if cur.count(1) != 1 {
		return 0, fmt.Errorf("answer names no partition")
	}
	cur.int32()
	code := cur.int16()
	cur.int64() // timestamp
	offset := cur.int64()
	if cur.err != nil {
		return 0, cur.err
	}
	return offset, brokerError(code)
}

// Offsets returns the log start and the log end (the offset the next record
// will get) of a partition. It retries until ctx ends, unless the topic or
// partition doesn't exist.
func (c *Client) Offsets(ctx context.Context, topic string, partition int32) (first, next int64, err error) {
	wait := newBackoff()
	var gone missingWatch
	for {
		first, err = c.listOffset(ctx, topic, partition, FirstOffset)
		if err == nil {
			next, err = c.listOffset(ctx, topic, partition, LastOffset)
		}
		if err == nil {
			return first, next, nil
		}
		if final := gone.final(ctx, c, topic, partition, err); final != nil {
			return 0, 0, fmt.Errorf("bus: offsets of %s/%d: %w", topic, partition, final)
		}
		c.refresh()
		if wait.sleep(ctx) != nil {
			return 0, 0, fmt.Errorf("bus: offsets of %s/%d: %w (last: %w)", topic, partition, context.Cause(ctx), err)
		}
	}
}
