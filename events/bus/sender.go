package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/segmentio/kafka-go"
)

const corruptRetries = 5

// send delivers one batch after the other until none is left.
func (q *partitionQueue) send() {
	defer q.p.senders.Done()
	for b := q.next(); b != nil; b = q.next() {
		q.deliver(b)
	}
}

// deliver brings one batch to its end, whatever that is, and reports it.
func (q *partitionQueue) deliver(b *batch) {
	base, err := q.attempts(b)
	switch {
	case err == nil:
		q.advance(b.enc.count)
		q.finish(b, base, nil)
	case errors.Is(err, errTooLarge):
		q.shrink(max(b.enc.size()/2, 1024))
		q.split(b)
	case errors.Is(err, errOneRefused):
		q.split(b)
	case errors.Is(err, ErrWithdrawn):
		q.withdraw(b)
	default:
		if errors.Is(err, ErrClosed) {
			q.p.failed.Add(int64(len(b.done)))
		} else {
			q.p.c.log.Error("records refused", "topic", q.tp.topic, "partition", q.tp.partition,
				"records", b.enc.count, "reason", err)
		}
		q.afterFailure(b)
		q.finish(b, -1, err)
	}
}

// advance moves the sequence, which wraps from 2^31-1 to 0.
func (q *partitionQueue) advance(n int32) {
	q.sequence = nextSequence(q.sequence, n)
}

func nextSequence(sequence, n int32) int32 {
	return int32((int64(sequence) + int64(n)) & math.MaxInt32)
}

// afterFailure: should an attempt of the failed batch be in the log after all,
// the next batch under the same sequence would be taken for its repeat and be
// dropped. So the partition goes on under a new producer id. A transactional
// id has no other to go on under, so its producer stops.
func (q *partitionQueue) afterFailure(b *batch) {
	if !b.lent {
		return
	}
	q.retired = true
	if q.p.cfg.TransactionalID != "" {
		q.p.id.fence()
	}
}

func (q *partitionQueue) finish(b *batch, base int64, err error) {
	n, held := len(b.done), b.held
	for i, done := range b.done {
		if done == nil {
			continue
		}
		r := Result{Partition: q.tp.partition, Offset: -1, Err: err}
		if err == nil && base >= 0 {
			r.Offset = base + int64(i)
		}
		done(r)
	}
	q.mu.Lock()
	q.inFlight = nil
	q.mu.Unlock()
	b.free()
	q.p.budget.release(n, held)
}

// A batch of several records is to be split:
var (
	errTooLarge   = errors.New("batch refused for its size")
	errOneRefused = errors.New("batch refused for a record in it")
)

// attempts sends one batch until it has an outcome.
func (q *partitionQueue) attempts(b *batch) (base int64, err error) {
	wait := newBackoff()
	var gone missingWatch
	sealed := noProducerID
	for corrupt := 0; ; {
		if b.withdrawn() {
			return -1, ErrWithdrawn
		}
		if sealed, err = q.seal(b, sealed); err != nil {
			return -1, err
		}
		base, came, err := q.p.c.produce(q.p.abort, q.tp.topic, q.tp.partition, b.enc.buf, q.p.cfg.RequestTimeout)
		b.tried, b.lent = b.tried || came != unsent, b.lent || came == silent
		switch v := judge(err); v {
		case verdictDone, verdictDuplicate:
			q.recovered()
			if v == verdictDuplicate {
				base = -1
			}
			return base, nil
		case verdictSplit:
			if b.enc.count > 1 {
				return -1, errTooLarge
			}
			return -1, fmt.Errorf("%w: %w", ErrRecordTooLarge, err)
		case verdictRefuse:
			return -1, orHalves(b, err)
		case verdictFail:
			return -1, err
		case verdictFenced, verdictNewID:
			if err := q.newIdentity(err); err != nil {
				return -1, err
			}
			sealed = noProducerID
		case verdictRetryFew:
			if corrupt++; corrupt > corruptRetries {
				return -1, orHalves(b, err)
			}
		}
		if missing := gone.missing(q.p.abort, q.p.c, q.tp.topic, q.tp.partition, err); missing != nil {
			return -1, missing
		}
		q.failed(err)
		q.p.c.refresh()
		if wait.sleep(q.p.abort) != nil {
			return -1, fmt.Errorf("%w: %w (last: %w)", ErrClosed, ErrUnknownOutcome, err)
		}
	}
}

// orHalves is the end of a batch that was refused for one of its records. With
// an attempt that got no answer the whole may yet be in the log, so no half of
// it may follow.
func orHalves(b *batch, refused error) error {
	if b.enc.count > 1 && !b.lent {
		return errOneRefused
	}
	return refused
}

// seal gives the batch its identity and sequence, unless it has it already.
func (q *partitionQueue) seal(b *batch, sealed producerID) (producerID, error) {
	if sealed != noProducerID {
		return sealed, nil
	}
	used := noProducerID
	if q.retired {
		used = q.id
	}
	id, err := q.p.id.replace(q.p.abort, used)
	if err != nil {
		if q.p.abort.Err() != nil {
			err = fmt.Errorf("%w: %w", ErrClosed, err)
		}
		return noProducerID, err
	}
	if id != q.id {
		q.id, q.sequence, q.retired = id, 0, false
	}
	if b.lent {
		b.enc.buf = slices.Clone(b.enc.buf)
	}
	b.enc.seal(id, q.sequence)
	sealProduce(b.enc.buf, b.enc.start)
	return id, nil
}

// newIdentity makes the batch go out again under a new producer id, sequence 0.
//
// This can't reorder: the refused batch is still the only one in flight, those
// behind it wait, and by the verdict it isn't in the log. Nor can an earlier
// attempt of it, still in some socket, come through after its repeat: it meets
// the same disagreement of sequences that the refused attempt met, since the
// old id's state in the partition can't change without a batch of the old id.
func (q *partitionQueue) newIdentity(cause error) error {
	if q.p.cfg.TransactionalID != "" {
		q.p.id.fence()
		return fmt.Errorf("%w: %w", ErrFenced, cause)
	}
	q.p.c.log.Warn("taking a new producer id", "topic", q.tp.topic, "partition", q.tp.partition, "reason", cause)
	q.retired = true
	return nil
}

func (q *partitionQueue) failed(err error) {
	if !q.out && !errors.Is(err, context.Canceled) {
		q.out = true
		q.p.c.log.Warn("publishing is interrupted, retrying", "topic", q.tp.topic, "partition", q.tp.partition, "reason", err)
	}
}

func (q *partitionQueue) recovered() {
	if q.out {
		q.out = false
		q.p.c.log.Info("publishing goes on", "topic", q.tp.topic, "partition", q.tp.partition)
	}
}

// split replaces a batch in flight by its two halves, at the queue's front.
func (q *partitionQueue) split(b *batch) {
	mid := len(b.done) / 2
	q.replace(b, 2, func(i int) int {
		if i < mid {
			return 0
		}
		return 1
	})
}

// replace puts n batches with the records of a batch in flight in its place at
// the queue's front; into says to which a record goes, -1 for
// none.
func (q *partitionQueue) replace(b *batch, n int, into func(i int) int) {
	dec := decoder{topic: q.tp.topic, partition: q.tp.partition}
	if !b.tried {
		b.enc.seal(noProducerID, 0) // it may have no header yet
	}
	recs, _, err := dec.recordSet(b.enc.buf[b.enc.start:], 0)
	if err != nil || len(recs) != len(b.done) {
		q.finish(b, -1, fmt.Errorf("%w: can't split: %v", kafka.MessageSizeTooLarge, err))
		return
	}
	parts := make([]*batch, n)
	for i := range parts {
		parts[i] = q.newBatch(b.since)
		parts[i].held = b.held / n
	}
	parts[0].held += b.held % n
	for i := range recs {
		if at := into(i); at >= 0 {
			parts[at].add(&recs[i], b.since, b.wants(i), b.done[i])
		}
	}
	q.mu.Lock()
	q.pending = append(parts, q.pending...)
	q.inFlight = nil
	q.mu.Unlock()
	b.free()
}
