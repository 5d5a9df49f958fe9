package bus

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

// Metadata v4: the first that can say "do not create the topic".
const metadataVersion = 4

// topicState is a topic as one broker sees it now.
type topicState struct {
	err        error
	partitions int
	leaderless int
}

// metadata asks a broker about topics. kafka.Client.Metadata would answer from
// a cache, and hides an outage that way.
func (c *Client) metadata(ctx context.Context, topics []string) (map[string]topicState, error) {
	be := binary.BigEndian
	b := appendHeader(nil, protocol.Metadata, metadataVersion, c.cfg.ClientID)
	b = be.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = appendString(b, t)
	}
	b = append(b, 0) // no auto-creation
	sealFrame(b)
	cur, err := c.exchange(ctx, &frame{api: protocol.Metadata, version: metadataVersion, data: b}, callTimeout)
	if err != nil {
		c.refresh()
		return nil, fmt.Errorf("metadata: %w", err)
	}
	cur.int32() // throttle time
	for range cur.count(10) {
		cur.int32()
		cur.str()
		cur.int32()
		cur.str()
	}
	cur.str()
	cur.int32()
	out := make(map[string]topicState, len(topics))
	for range cur.count(9) {
		state := topicState{err: brokerError(cur.int16())}
		name := cur.str()
		cur.int8()
		state.partitions = cur.count(18)
		for range state.partitions {
			code := cur.int16()
			cur.int32()
			if leader := cur.int32(); leader < 0 || code != 0 {
				state.leaderless++
			}
			for range 2 { // replicas, in-sync replicas
				cur.take(4 * cur.count(4))
			}
		}
		out[name] = state
	}
	if cur.err != nil {
		return nil, fmt.Errorf("metadata: %w", cur.err)
	}
	return out, nil
}
