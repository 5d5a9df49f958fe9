package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"
)

// ReaderConfig says what to read.
type ReaderConfig struct {
	Topic     string
	Partition int32
	// Start is an absolute offset, FirstOffset or LastOffset.
	Start int64
	// MaxWait is how long a broker holds a fetch for which it has no records.
	// Default 500 ms.
	MaxWait time.Duration
	// MaxBytes bounds one fetch, except that a larger batch comes whole.
	// Default 4 MiB.
	MaxBytes int
}

// Reader reads one partition in offset order, without a group. It has no
// goroutine and no buffer of its own. Use it from one goroutine at a time.
type Reader struct {
	c    *Client
	cfg  ReaderConfig
	dec  decoder
	pos  int64
	log  *slog.Logger
	out  bool // an outage has been logged
	gone missingWatch
	// strikes counts answers in a row that put the position above the log end.
	strikes int
}

// NewReader returns a reader. It does no I/O.
func (c *Client) NewReader(cfg ReaderConfig) *Reader {
	if cfg.MaxWait <= 0 {
		cfg.MaxWait = 500 * time.Millisecond
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 4 << 20
	}
	return &Reader{
		c: c, cfg: cfg, pos: cfg.Start,
		dec: decoder{topic: cfg.Topic, partition: cfg.Partition},
		log: c.log.With("topic", cfg.Topic, "partition", cfg.Partition),
	}
}

// Batch is the answer of one fetch.
type Batch struct {
	// Records are in offset order. Control records are never among them.
	Records []Record
	// Next is the offset to go on from. It also advances over what compaction
	// and transactions left: compare it, not a record's offset, with
	// HighWatermark to know whether the end is reached.
	Next int64
	// HighWatermark is the log end as readers see it.
	HighWatermark int64
	// LogStart is the oldest offset that is still kept.
	LogStart int64
}

// logEndStrikes is how often a broker must say that the position is above the
// log end before it is believed: a new leader may lag behind for a moment.
const logEndStrikes = 5

// Next returns the next records. With none to be had it returns an empty Batch
// after at most MaxWait, so that the caller learns the high watermark. Broker
// loss is ridden out inside, with backoff and one log line per outage. Errors:
// ctx's; *OffsetRangeError; *MissingTopicError; a batch that can't be decoded.
func (r *Reader) Next(ctx context.Context) (Batch, error) {
	wait := newBackoff()
	for {
		if ctx.Err() != nil {
			return Batch{}, context.Cause(ctx)
		}
		b, err := r.once(ctx)
		if err == nil {
			r.recovered()
			return b, nil
		}
		if final := r.final(ctx, err); final != nil {
			return Batch{}, final
		}
		if ctx.Err() != nil {
			return Batch{}, context.Cause(ctx)
		}
		r.failed(err)
		r.c.refresh()
		if err := wait.sleep(ctx); err != nil {
			return Batch{}, err
		}
	}
}

// Position is the offset that the next call of Next reads from: negative until
// FirstOffset or LastOffset has been resolved.
func (r *Reader) Position() int64 { return r.pos }

var errUndecodable = errors.New("bus: batch can't be decoded")

func (r *Reader) once(ctx context.Context) (Batch, error) {
	if r.pos < 0 {
		pos, err := r.c.listOffset(ctx, r.cfg.Topic, r.cfg.Partition, r.pos)
		if err != nil {
			return Batch{}, err
		}
		r.pos = pos
	}
	f, err := r.c.fetch(ctx, r.cfg.Topic, r.cfg.Partition, r.pos, r.cfg.MaxWait, r.cfg.MaxBytes)
	if err != nil {
		return Batch{}, err
	}
	if f.err != nil {
		return Batch{}, f.err
	}
	recs, next, err := r.dec.recordSet(f.records, r.pos)
	if err != nil && len(recs) == 0 {
		return Batch{}, fmt.Errorf("%w: %s/%d: %w", errUndecodable, r.cfg.Topic, r.cfg.Partition, err)
	}
	if err != nil {
		// Hand out what came before the bad batch; the next call meets it first.
		next = recs[len(recs)-1].Offset + 1
	}
	r.pos, r.strikes, r.gone = next, 0, missingWatch{}
	return Batch{Records: recs, Next: next, HighWatermark: f.highWatermark, LogStart: f.logStart}, nil
}

// final turns an error that waiting can't mend into the one to return.
func (r *Reader) final(ctx context.Context, err error) error {
	if errors.Is(err, errUndecodable) {
		return err
	}
	if !errors.Is(err, kafka.OffsetOutOfRange) {
		if final := r.gone.final(ctx, r.c, r.cfg.Topic, r.cfg.Partition, err); final != nil {
			return fmt.Errorf("bus: read %s/%d: %w", r.cfg.Topic, r.cfg.Partition, final)
		}
		return nil
	}
	first, next, lerr := r.c.Offsets(ctx, r.cfg.Topic, r.cfg.Partition)
	if lerr != nil {
		return nil
	}
	if r.pos > next {
		if r.strikes++; r.strikes < logEndStrikes {
			return nil
		}
	} else if r.pos >= first {
		return nil // inside after all: the leader was changing
	}
	return &OffsetRangeError{Topic: r.cfg.Topic, Partition: r.cfg.Partition, Offset: r.pos, First: first, Next: next}
}

func (r *Reader) failed(err error) {
	if !r.out {
		r.out = true
		r.log.Warn("reading is interrupted, retrying", "offset", r.pos, "reason", err)
	}
}

func (r *Reader) recovered() {
	if r.out {
		r.out = false
		r.log.Info("reading goes on", "offset", r.pos)
	}
}
