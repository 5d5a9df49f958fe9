package bus

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Produce v7 (Kafka 2.1 and later): v8 only adds texts to errors.
const produceVersion = 7

// appendProduce begins a produce request of one batch (acks=all): the batch
// follows, and sealProduce ends it.
func appendProduce(b []byte, clientID, topic string, partition int32, timeout time.Duration) []byte {
	be := binary.BigEndian
	b = appendHeader(b, protocol.Produce, produceVersion, clientID)
	// No transactional id: our batches belong to no transaction, even those of
	// a producer id that a transaction coordinator gave out.
	b = appendNullString(b, "")
	b = be.AppendUint16(b, 0xffff) // acks: all in-sync replicas
	b = be.AppendUint32(b, uint32(timeout.Milliseconds()))
	b = be.AppendUint32(b, 1)
	b = appendString(b, topic)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(partition))
	return append(b, 0, 0, 0, 0) // the record set's size
}

// sealProduce writes the sizes of a request whose batch begins at start.
func sealProduce(b []byte, start int) {
	binary.BigEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	sealFrame(b)
}

// reach says how far a produce request came.
type reach int

const (
	// unsent: no connection has begun to write it, and none will.
	unsent reach = iota
	// silent: it was written, and no answer came: the batch may be in the log.
	silent
	// answered: the error, if there is one, is the broker's.
	answered
)

// produce sends a sealed request. Unless it is answered err is not a broker's
// word, and after silent the batch may be in the log.
func (c *Client) produce(ctx context.Context, topic string, partition int32, data []byte, timeout time.Duration) (base int64, came reach, err error) {
	f := &frame{api: protocol.Produce, version: produceVersion, topic: topic, partition: partition, data: data}
	cur, err := c.exchange(ctx, f, timeout)
	if err != nil {
		came = silent
		if f.dropped() {
			came = unsent
		}
		return -1, came, fmt.Errorf("produce to %s/%d: %w", topic, partition, err)
	}
	if cur.count(1) != 1 {
		return -1, silent, fmt.Errorf("produce to %s/%d: answer names no topic", topic, partition)
	}
	cur.str()
	if cur.count(1) != 1 {
		return -1, silent, fmt.Errorf("produce to %s/%d: answer names no partition", topic, partition)
	}
	cur.int32()
	code := cur.int16()
	base = cur.int64()
	if cur.err != nil {
		return -1, silent, fmt.Errorf("produce to %s/%d: %w", topic, partition, cur.err)
	}
	if code != 0 {
		return -1, answered, kafka.Error(code)
	}
	return base, answered, nil
}
