package bus

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

// Fetch v10 (Kafka 2.1 and later): the first with zstd, the last without
// reading from followers, which we don't want.
const fetchVersion = 10

// fetchSlack is how much longer than asked a broker may hold a fetch before it
// counts as lost.
const fetchSlack = 5 * time.Second

// fetched is the answer of one partition.
type fetched struct {
	err           error
	highWatermark int64
	logStart      int64
	records       []byte
}

func (c *Client) fetch(ctx context.Context, topic string, partition int32, offset int64, maxWait time.Duration, maxBytes int) (fetched, error) {
	be := binary.BigEndian
	b := appendHeader(make([]byte, 0, 128), protocol.Fetch, fetchVersion, c.cfg.ClientID)
	b = be.AppendUint32(b, 0xffffffff) // replica: a consumer
	b = be.AppendUint32(b, uint32(maxWait.Milliseconds()))
	b = be.AppendUint32(b, 1) // min bytes: answer with the first record
	b = be.AppendUint32(b, uint32(maxBytes))
	b = append(b, 0)          // read uncommitted
	b = be.AppendUint32(b, 0) // no fetch session,
	b = be.AppendUint32(b, 0xffffffff)
	b = be.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(partition))
	b = be.AppendUint32(b, 0xffffffff) // leader epoch: not known
	b = be.AppendUint64(b, uint64(offset))
	b = be.AppendUint64(b, 0xffffffffffffffff) // log start: a follower's
	b = be.AppendUint32(b, uint32(maxBytes))
	b = be.AppendUint32(b, 0) // no forgotten topics
	sealFrame(b)

	f := &frame{api: protocol.Fetch, version: fetchVersion, topic: topic, partition: partition, data: b}
	cur, err := c.exchange(ctx, f, maxWait+fetchSlack)
	if err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d: %w", topic, partition, err)
	}
	return decodeFetch(cur, topic, partition)
}

func decodeFetch(cur cursor, topic string, partition int32) (fetched, error) {
	cur.int32() // throttle time
	code := cur.int16()
	cur.int32() // session
	if code != 0 {
		return fetched{err: brokerError(code)}, nil
	}
	if cur.count(1) != 1 {
		return fetched{}, fmt.Errorf("fetch %s/%d: answer names no topic", topic, partition)
	}
	cur.str()
	if cur.count(1) != 1 {
		return fetched{}, fmt.Errorf("fetch %s/%d: answer names no partition", topic, partition)
	}
	cur.int32()
	out := fetched{err: brokerError(cur.int16()), highWatermark: cur.int64()}
	cur.int64() // last stable offset
	out.logStart = cur.int64()
	for range cur.count(16) { // aborted transactions
		cur.int64()
		cur.int64()
	}
	out.records = cur.bytes32()
	if cur.err != nil {
		return fetched{}, fmt.Errorf("fetch %s/%d: %w", topic, partition, cur.err)
	}
	return out, nil
}
