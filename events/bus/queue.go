package bus

import (
	"sync"
	"time"
)

// partitionQueue holds the records of one partition: encoded, in batches, the
// first of which a sender goroutine may have in flight. The sender exists only
// while there is something to send.
type partitionQueue struct {
	p      *Producer
	tp     topicPartition
	prefix []byte // the produce request up to the batch

	// Only the sender uses these, and only one sender exists at a time.
	id       producerID
	sequence int32
	retired  bool // id must not be used again
	out      bool // an outage has been logged

	mu       sync.Mutex
	closed   bool
	sending  bool
	inFlight *batch
	pending  []*batch
	limit    int // batch size in bytes, lowered when the topic's own is lower
}

// batch is one produce request in the making or in flight.
type batch struct {
	enc   batchEncoder
	done  []func(Result)
	held  int // bytes it holds of the budget
	since time.Time
	// wanted is set if a record of the batch may be withdrawn: for each one,
	// whether it is still wanted, nil for always.
	wanted []func() bool
	// tried: an attempt was written to a connection. lent: one of them ended
	// without an answer, so a connection may still be reading the buffer. It must
	// not be changed or used again.
	tried, lent bool
}

// maxBatchRecords keeps the callbacks of one batch short.
const maxBatchRecords = 16_384

func newPartitionQueue(p *Producer, tp topicPartition) *partitionQueue {
	q := &partitionQueue{p: p, tp: tp, id: noProducerID, limit: p.cfg.MaxBatchBytes, closed: p.closed.Load()}
	q.prefix = appendProduce(nil, p.c.cfg.ClientID, tp.topic, tp.partition, p.cfg.RequestTimeout)
	return q
}

// push encodes the record behind those before it. false means closed.
func (q *partitionQueue) push(rec *Record, size int, wanted func() bool, done func(Result)) bool {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.p.closed.Load() {
		return false
	}
	b := q.last()
	if b == nil || b.enc.size()+size > q.limit || b.enc.count >= maxBatchRecords {
		b = q.newBatch(now)
		q.pending = append(q.pending, b)
	}
	b.add(rec, now, wanted, done)
	b.held += size
	if !q.sending {
		q.sending = true
		q.p.senders.Add(1)
		go q.send()
	}
	return true
}

func (q *partitionQueue) last() *batch {
	if len(q.pending) == 0 {
		return nil
	}
	return q.pending[len(q.pending)-1]
}

// next moves the first pending batch in flight. nil ends the sender.
func (q *partitionQueue) next() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.pending) == 0 {
		q.inFlight, q.sending = nil, false
		return nil
	}
	b := q.pending[0]
	n := copy(q.pending, q.pending[1:])
	q.pending[n] = nil
	q.pending = q.pending[:n]
	q.inFlight = b
	return b
}

func (q *partitionQueue) oldest() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.inFlight != nil:
		return q.inFlight.since
	case len(q.pending) > 0:
		return q.pending[0].since
	}
	return time.Time{}
}

func (q *partitionQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
}

// shrink lowers the batch size of a topic whose own limit is lower than ours.
func (q *partitionQueue) shrink(limit int) {
	q.mu.Lock()
	q.limit = min(q.limit, limit)
	q.mu.Unlock()
}

var batchPool = sync.Pool{New: func() any { return new(batch) }}

func (q *partitionQueue) newBatch(now time.Time) *batch {
	b := batchPool.Get().(*batch)
	b.since = now
	b.enc.begin(append(b.enc.buf[:0], q.prefix...))
	return b
}

func (b *batch) add(rec *Record, now time.Time, wanted func() bool, done func(Result)) {
	b.enc.add(rec, now)
	b.done = append(b.done, done)
	if wanted != nil || b.wanted != nil {
		b.wanted = append(b.wanted, make([]func() bool, len(b.done)-1-len(b.wanted))...)
		b.wanted = append(b.wanted, wanted)
	}
}

// keepBuffer bounds what the pool keeps alive.
const keepBuffer = 2 * MaxBatchBytes

func (b *batch) free() {
	if b.lent || cap(b.enc.buf) > keepBuffer {
		b.enc.buf = nil
	}
	clear(b.done)
	*b = batch{enc: batchEncoder{buf: b.enc.buf[:0]}, done: b.done[:0]}
	batchPool.Put(b)
}
