package bus

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	// correlation is constant: kafka-go gives a connection one request at a
	// time and closes it after an error, so it only catches a broken peer.
	correlation = 1
	// maxResponse bounds what a broken peer can make us allocate. It must hold
	// the largest batch that a topic allows, for a broker sends the first batch
	// of a fetch whole whatever was asked.
	maxResponse = 256 << 20
)

// frame is one request that we encode ourselves and send through kafka-go's
// transport, which finds the partition's leader, connects, authenticates and
// keeps the deadline (protocol.RawExchanger). Against kafka.Client's RawProduce
// and Fetch this saves reflection and two copies, and the answer shows what
// kafka-go discards: a batch's last offset and its append time.
type frame struct {
	api     protocol.ApiKey
	version int16
	// topic and partition name the leader to send to; topic "" is any broker.
	topic     string
	partition int32
	// data is size, header and body. It must not change while a connection
	// may still be writing it: until an answer came, or for ever.
	data []byte
	// fate is fateOpen until a connection begins to write the frame or its
	// sender gives up, whichever is first.
	fate atomic.Int32
}

const (
	fateOpen = iota
	fateWritten
	fateDropped
)

var errDropped = errors.New("bus: the sender has given up")

// dropped takes back a frame that no connection has begun to write, and none
// will. false: one has.
func (f *frame) dropped() bool { return f.fate.CompareAndSwap(fateOpen, fateDropped) }

var (
	_ protocol.BrokerMessage = (*frame)(nil)
	_ protocol.RawExchanger  = (*frame)(nil)
)

func (f *frame) ApiKey() protocol.ApiKey { return f.api }

// Broker routes the request.
func (f *frame) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	if f.topic == "" {
		return protocol.Broker{ID: -1}, nil
	}
	topic, ok := cluster.Topics[f.topic]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoTopic(f.topic)
	}
	partition, ok := topic.Partitions[f.partition]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoPartition(f.topic, f.partition)
	}
	broker, ok := cluster.Brokers[partition.Leader]
	if !ok {
		return protocol.Broker{}, protocol.NewErrNoLeader(f.topic, f.partition)
	}
	return broker, nil
}

// Required chooses RawExchange over kafka-go's own encoding.
func (f *frame) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request and reads its answer.
func (f *frame) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !f.fate.CompareAndSwap(fateOpen, fateWritten) {
		return nil, errDropped
	}
	if _, err := rw.Write(f.data); err != nil {
		return nil, fmt.Errorf("write %s request: %w", f.api, err)
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, fmt.Errorf("read %s response: %w", f.api, err)
	}
	size := int32(binary.BigEndian.Uint32(head[:]))
	if size < 4 || size > maxResponse {
		return nil, fmt.Errorf("read %s response: impossible size %d", f.api, size)
	}
	if id := binary.BigEndian.Uint32(head[4:]); id != correlation {
		return nil, fmt.Errorf("read %s response: correlation %d, want %d", f.api, id, correlation)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, fmt.Errorf("read %s response: %w", f.api, err)
	}
	return &answer{api: f.api, body: body}, nil
}

// answer is the body of a response.
type answer struct {
	api  protocol.ApiKey
	body []byte
}

func (a *answer) ApiKey() protocol.ApiKey { return a.api }

// appendHeader begins a request: room for its size, then header version 1.
func appendHeader(b []byte, api protocol.ApiKey, version int16, clientID string) []byte {
	be := binary.BigEndian
	b = append(b, 0, 0, 0, 0)
	b = be.AppendUint16(b, uint16(api))
	b = be.AppendUint16(b, uint16(version))
	b = be.AppendUint32(b, correlation)
	return appendString(b, clientID)
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// appendNullString writes "" as null.
func appendNullString(b []byte, s string) []byte {
	if s == "" {
		return append(b, 0xff, 0xff)
	}
	return appendString(b, s)
}

// sealFrame writes the request's size to its front.
func sealFrame(b []byte) {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
}

// exchange sends one request and returns the body of its answer. Every error
// here means that no answer came: the request may or may not have been carried
// out. The timeout is always set: kafka-go frees a connection whose broker is
// silent by its deadline only.
func (c *Client) exchange(ctx context.Context, f *frame, timeout time.Duration) (cursor, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	res, err := c.transport.RoundTrip(ctx, c.addr, f)
	if err != nil {
		return cursor{}, err
	}
	return cursor{b: res.(*answer).body}, nil
}

// brokerError is a code of the Kafka protocol as an error, nil for 0.
func brokerError(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}
