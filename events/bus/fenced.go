package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// appendTimeout bounds one attempt of an Append.
	appendTimeout = 10 * time.Second
	// A transactional id expires at its coordinator a while after the last
	// InitProducerId, for we make no transactions (transactional.id.expiration.ms,
	// 7 days by default). It would come back with another producer id, which
	// fences nobody. So a writer renews its id, and one that could not for long
	// gives its claim up, by the wall clock, which also runs in a suspended VM.
	renewAfter   = 12 * time.Hour
	renewTimeout = 2 * time.Second
	claimExpiry  = 5 * 24 * time.Hour
)

// FencedWriter writes one partition on behalf of one owner at a time. Init
// takes the partition over; from the new owner's first batch on, the broker
// refuses the former owner's, late repeats included. Use it from one goroutine
// at a time.
type FencedWriter struct {
	c               *Client
	topic           string
	partition       int32
	transactionalID string

	id       producerID
	sequence int32
	since    time.Time // of the last InitProducerId, wall clock
	// continues: nobody had the partition between the former claim and this one.
	continues bool
	out       bool
}

// NewFencedWriter returns a writer without a claim: call Init. The
// transactional id belongs to the partition, not to the process. No I/O.
func (c *Client) NewFencedWriter(topic string, partition int32, transactionalID string) *FencedWriter {
	return &FencedWriter{c: c, topic: topic, partition: partition, transactionalID: transactionalID, id: noProducerID}
}

// Init takes the partition over: it raises the epoch of the transactional id.
// It retries until ctx ends, for example while the coordinator loads.
func (w *FencedWriter) Init(ctx context.Context) error {
	former := w.id
	w.id, w.continues = noProducerID, false
	id, err := w.c.acquireProducerID(ctx, w.transactionalID, noProducerID)
	if err != nil {
		return err
	}
	w.continues = id.follows(former)
	w.adopt(id)
	return nil
}

// Continues reports that the last Init took the partition from this very writer:
// nobody else has claimed it since the writer's last Append, whose end was known.
// False also where that can't be told, as after an Init that was asked twice.
func (w *FencedWriter) Continues() bool { return w.continues }

func (w *FencedWriter) adopt(id producerID) {
	w.id, w.sequence, w.since = id, 0, wallClock()
}

func wallClock() time.Time { return time.Now().Round(0) }

// renew keeps the transactional id from expiring. It follows a batch that the
// broker has just taken, hence is done by the present owner: Apache Kafka
// refuses the renewal of a former owner, kfake doesn't.
func (w *FencedWriter) renew(ctx context.Context) {
	if wallClock().Sub(w.since) < renewAfter {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	id, err := w.c.acquireProducerID(ctx, w.transactionalID, w.id)
	switch {
	case err == nil:
		w.adopt(id)
	case errors.Is(err, ErrFenced):
		w.id = noProducerID
	default:
		w.c.log.Warn("can't renew the transactional id, trying again with the next batch",
			"topic", w.topic, "partition", w.partition, "reason", err)
	}
}

// Append writes the records as one batch, whole or not at all, and returns the
// offset of the first (-1 if the broker recognised a repeat and no longer knows
// where it is). While no answer comes it repeats the same batch under the same
// sequence, which the broker drops if it has it, until ctx ends.
//
// ErrBatchTooLarge: nothing was written and the writer may go on. After every
// other error the claim is over and Append returns ErrNotInitialized until the
// next Init: ErrFenced, ErrUnknownOutcome (ctx ended, or the broker's sequence
// disagrees with ours), or what the broker refused the batch with.
func (w *FencedWriter) Append(ctx context.Context, recs []Record) (int64, error) {
	if len(recs) == 0 {
		return -1, errors.New("bus: append: no records")
	}
	if w.id == noProducerID {
		return -1, ErrNotInitialized
	}
	if size := BatchSize(recs); size > MaxBatchBytes {
		return -1, fmt.Errorf("%w: %d bytes", ErrBatchTooLarge, size)
	}
	if wallClock().Sub(w.since) > claimExpiry {
		w.id = noProducerID
		return -1, fmt.Errorf("%w: the claim is older than %v", ErrFenced, claimExpiry)
	}
	base, err := w.attempts(ctx, w.encode(recs))
	if err == nil {
		w.sequence = nextSequence(w.sequence, int32(len(recs)))
		w.renew(ctx)
		return base, nil
	}
	if !errors.Is(err, ErrBatchTooLarge) {
		w.id = noProducerID
	}
	return -1, err
}

func (w *FencedWriter) encode(recs []Record) []byte {
	now := time.Now()
	prefix := appendProduce(nil, w.c.cfg.ClientID, w.topic, w.partition, appendTimeout)
	var e batchEncoder
	e.begin(slices.Grow(prefix, BatchSize(recs)))
	for i := range recs {
		e.add(&recs[i], now)
	}
	e.seal(w.id, w.sequence)
	sealProduce(e.buf, e.start)
	return e.buf
}

func (w *FencedWriter) attempts(ctx context.Context, data []byte) (int64, error) {
	wait := newBackoff()
	var gone missingWatch
	asked := false // an attempt got no answer: the batch may be in the log
	for corrupt := 0; ; {
		if ctx.Err() != nil {
			return -1, w.interrupted(ctx, asked, nil)
		}
		base, came, err := w.c.produce(ctx, w.topic, w.partition, data, appendTimeout)
		asked = asked || came == silent
		switch judge(err) {
		case verdictDone:
			w.recovered()
			return base, nil
		case verdictDuplicate:
			w.recovered()
			return -1, nil
		case verdictSplit:
			if asked {
				return -1, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
			}
			return -1, fmt.Errorf("%w: %w", ErrBatchTooLarge, err)
		case verdictFenced:
			return -1, fmt.Errorf("%w: %w", ErrFenced, err)
		case verdictNewID:
			return -1, fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
		case verdictFail, verdictRefuse:
			return -1, fmt.Errorf("bus: append to %s/%d: %w", w.topic, w.partition, err)
		case verdictRetryFew:
			if corrupt++; corrupt > corruptRetries {
				return -1, fmt.Errorf("bus: append to %s/%d: %w", w.topic, w.partition, err)
			}
		}
		if missing := gone.missing(ctx, w.c, w.topic, w.partition, err); missing != nil {
			return -1, missing
		}
		w.failed(err)
		w.c.refresh()
		if wait.sleep(ctx) != nil {
			return -1, w.interrupted(ctx, asked, err)
		}
	}
}

func (w *FencedWriter) interrupted(ctx context.Context, asked bool, last error) error {
	if !asked {
		return fmt.Errorf("bus: append to %s/%d: nothing was written: %w", w.topic, w.partition, context.Cause(ctx))
	}
	if last == nil {
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, context.Cause(ctx))
	}
	return fmt.Errorf("%w: %w (last: %w)", ErrUnknownOutcome, context.Cause(ctx), last)
}

func (w *FencedWriter) failed(err error) {
	if !w.out {
		w.out = true
		w.c.log.Warn("changelog writing is interrupted, retrying", "topic", w.topic, "partition", w.partition, "reason", err)
	}
}

func (w *FencedWriter) recovered() {
	if w.out {
		w.out = false
		w.c.log.Info("changelog writing goes on", "topic", w.topic, "partition", w.partition)
	}
}
