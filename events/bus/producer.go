package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// MaxBatchBytes bounds one batch: below the 1,048,588 bytes that a broker takes
// by default.
const MaxBatchBytes = 1_000_000

// ProducerConfig tunes a Producer. The zero value is right for most.
type ProducerConfig struct {
	// TransactionalID, if set, names the one producer that may write: a new one
	// of the same name fences this one, which then fails with ErrFenced.
	TransactionalID string
	// MaxBatchBytes bounds one batch. Default MaxBatchBytes.
	MaxBatchBytes int
	// MaxBuffered bounds the records that are accepted and not yet
	// acknowledged, over all partitions. Default 100,000.
	MaxBuffered int
	// MaxBufferedBytes bounds the same in bytes. Default 256 MiB.
	MaxBufferedBytes int
	// RequestTimeout bounds one attempt. Attempts are repeated for ever.
	// Default 10 s.
	RequestTimeout time.Duration
}

func (cfg *ProducerConfig) setDefaults() {
	if cfg.MaxBatchBytes <= 0 || cfg.MaxBatchBytes > MaxBatchBytes {
		cfg.MaxBatchBytes = MaxBatchBytes
	}
	if cfg.MaxBuffered <= 0 {
		cfg.MaxBuffered = 100_000
	}
	if cfg.MaxBufferedBytes <= 0 {
		cfg.MaxBufferedBytes = 256 << 20
	}
	if cfg.RequestTimeout <= 0 {
		cfg.RequestTimeout = 10 * time.Second
	}
}

// Producer writes records with an idempotent producer id, one batch in flight
// per partition and no linger: a batch is what gathered while the one before it
// was in flight. A failed batch blocks those behind it until it is through, so
// the order of a partition is the order of Publish. A partition without records
// costs no goroutine. Safe for concurrent use.
type Producer struct {
	c   *Client
	cfg ProducerConfig
	id  *identity
	// singles are what PublishWait waits by.
	singles sync.Pool
	budget  budget

	// abort ends the attempts of a Close whose context has ended.
	abort  context.Context
	cancel context.CancelCauseFunc

	mu       sync.RWMutex
	queues   map[topicPartition]*partitionQueue
	closed   atomic.Bool
	failed   atomic.Int64 // records failed by Close
	keyless  atomic.Uint32
	senders  sync.WaitGroup
	closeErr error
	once     sync.Once
}

type topicPartition struct {
	topic     string
	partition int32
}

// Result is what became of one record.
type Result struct {
	Partition int32
	// Offset is -1 on error, and when the broker recognised a repeat whose
	// offset it no longer knows.
	Offset int64
	// Err nil means that all in-sync replicas have the record.
	Err error
}

// NewProducer returns a producer. It does no I/O.
func (c *Client) NewProducer(cfg ProducerConfig) *Producer {
	cfg.setDefaults()
	abort, cancel := context.WithCancelCause(context.Background())
	return &Producer{
		c: c, cfg: cfg, abort: abort, cancel: cancel,
		id:      newIdentity(c, cfg.TransactionalID),
		singles: sync.Pool{New: newSingle},
		budget:  budget{maxRecords: cfg.MaxBuffered, maxBytes: cfg.MaxBufferedBytes},
		queues:  make(map[topicPartition]*partitionQueue),
	}
}

// Publish queues the record and returns; it waits only while the producer is
// full, and on the first record of a topic without explicit partition, for the
// partition count. Key, Value and Headers are copied. done (may be nil) is
// called exactly once, in order per partition, from the producer's own
// goroutine: it must not block.
//
// An error means that the record was not accepted and done won't be called:
// ErrClosed, ErrRecordTooLarge, *MissingTopicError, or ctx's.
func (p *Producer) Publish(ctx context.Context, rec Record, done func(Result)) error {
	return p.PublishWhile(ctx, rec, nil, done)
}

// PublishWhile is Publish for a record that may be withdrawn: it fails with
// ErrWithdrawn if wanted says so before an attempt to write it. A record that
// shares its batch with one that is wanted can't be withdrawn once an attempt
// was under way. wanted is called from the producer's own goroutine, possibly
// often: it must not block.
func (p *Producer) PublishWhile(ctx context.Context, rec Record, wanted func() bool, done func(Result)) error {
	if rec.Topic == "" {
		return errors.New("bus: publish: record without topic")
	}
	if p.closed.Load() {
		return ErrClosed
	}
	size := recordBound(&rec)
	if size+batchHeaderSize > p.cfg.MaxBatchBytes {
		return fmt.Errorf("%w: %d bytes for %s, a batch holds %d", ErrRecordTooLarge, size, rec.Topic, p.cfg.MaxBatchBytes)
	}
	if rec.Partition < 0 {
		if err := p.choosePartition(ctx, &rec); err != nil {
			return err
		}
	}
	if err := p.budget.acquire(ctx, size); err != nil {
		return err
	}
	if !p.queue(rec.Topic, rec.Partition).push(&rec, size, wanted, done) {
		p.budget.release(1, size)
		return ErrClosed
	}
	return nil
}

// choosePartition goes by the key; records without one take turns.
func (p *Producer) choosePartition(ctx context.Context, rec *Record) error {
	n, err := p.c.Partitions(ctx, rec.Topic)
	if err != nil {
		return err
	}
	if rec.Key == nil {
		rec.Partition = int32(p.keyless.Add(1) % uint32(n))
	} else {
		rec.Partition = Partition(rec.Key, n)
	}
	return nil
}

func (p *Producer) queue(topic string, partition int32) *partitionQueue {
	tp := topicPartition{topic, partition}
	p.mu.RLock()
	q := p.queues[tp]
	p.mu.RUnlock()
	if q != nil {
		return q
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.queues[tp]; q != nil {
		return q
	}
	q = newPartitionQueue(p, tp)
	p.queues[tp] = q
	return q
}

// Oldest is the age of the oldest record that is accepted and not yet
// acknowledged, 0 if there is none.
func (p *Producer) Oldest() time.Duration {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var oldest time.Time
	for _, q := range p.queues {
		if at := q.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	if oldest.IsZero() {
		return 0
	}
	return time.Since(oldest)
}

// Buffered is how many records are accepted and not yet acknowledged.
func (p *Producer) Buffered() int { return p.budget.held() }

// Close refuses new records, waits until everything accepted is acknowledged or
// has failed, and for the producer's goroutines. When ctx ends first, the rest
// fails with ErrClosed (its outcome is unknown where it was under way) and the
// returned error counts it.
func (p *Producer) Close(ctx context.Context) error {
	p.once.Do(func() { p.closeErr = p.close(ctx) })
	return p.closeErr
}

func (p *Producer) close(ctx context.Context) error {
	p.closed.Store(true)
	p.budget.close()
	p.mu.RLock()
	for _, q := range p.queues {
		q.close() // from here on no sender starts
	}
	p.mu.RUnlock()

	stop := context.AfterFunc(ctx, func() { p.cancel(ErrClosed) })
	p.senders.Wait()
	stop()
	p.cancel(ErrClosed)
	if n := p.failed.Load(); n > 0 {
		return fmt.Errorf("bus: close producer: %d records not acknowledged: %w", n, context.Cause(ctx))
	}
	return nil
}
