package bus

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const initProducerIDVersion = 1

// transactionTimeoutMs is never used, for we open no transactions, but brokers
// want it positive and below transaction.max.timeout.ms.
const transactionTimeoutMs = 60_000

// initProducerID asks any broker for a fresh producer id.
func (c *Client) initProducerID(ctx context.Context) (producerID, error) {
	b := appendHeader(nil, protocol.InitProducerId, initProducerIDVersion, c.cfg.ClientID)
	b = appendNullString(b, "")
	b = binary.BigEndian.AppendUint32(b, transactionTimeoutMs)
	sealFrame(b)
	cur, err := c.exchange(ctx, &frame{api: protocol.InitProducerId, version: initProducerIDVersion, data: b}, callTimeout)
	if err != nil {
		c.refresh()
		return noProducerID, fmt.Errorf("init producer id: %w", err)
	}
	cur.int32() // throttle time
	code := cur.int16()
	id := producerID{id: cur.int64(), epoch: cur.int16()}
	if cur.err != nil {
		return noProducerID, fmt.Errorf("init producer id: %w", cur.err)
	}
	if code != 0 {
		return noProducerID, kafka.Error(code)
	}
	return id, nil
}

// initTransactional asks the coordinator of a transactional id for its producer
// id. With current = noProducerID it takes the id over: the epoch grows, which
// fences whoever had it. With the caller's own id it renews it, and is refused
// if somebody else has taken it over.
func (c *Client) initTransactional(ctx context.Context, transactionalID string, current producerID) (producerID, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	res, err := c.api.InitProducerID(ctx, &kafka.InitProducerIDRequest{
		TransactionalID:      transactionalID,
		TransactionTimeoutMs: transactionTimeoutMs,
		ProducerID:           int(current.id),
		ProducerEpoch:        int(current.epoch),
	})
	if err != nil {
		c.refresh()
		return noProducerID, fmt.Errorf("init producer id of %q: %w", transactionalID, err)
	}
	if res.Error != nil {
		return noProducerID, res.Error
	}
	return producerID{id: int64(res.Producer.ProducerID), epoch: int16(res.Producer.ProducerEpoch)}, nil
}
