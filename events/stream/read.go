package stream

import (
	"context"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/stream/fold"
)

const (
	// chunkRecords bounds what is decoded and folded in one go.
	chunkRecords = 1000
	// prefetch is the number of chunks that are decoded ahead.
	prefetch = 2
)

// chunk is a part of what one fetch brought, decoded.
type chunk struct {
	records []fold.Decoded
	// next is the offset to read after it; highWatermark and logStart are the
	// fetch's.
	next, highWatermark, logStart int64
	// at is when the fetch came.
	at time.Time
	// done: it is folded, and what it says of the log is known.
	done bool
}

func (c *chunk) left() bool { return len(c.records) > 0 }

// read decodes the input ahead of the fold until ctx ends or the log fails.
func (t *task) read(ctx context.Context, from int64, to chan<- chunk) error {
	r := t.cfg.Client.NewReader(bus.ReaderConfig{Topic: t.cfg.Input, Partition: t.partition, Start: from})
	for {
		b, err := r.Next(ctx)
		if err != nil {
			return err
		}
		at := time.Now()
		for _, c := range chunks(b) {
			c.at = at
			for i := range c.records {
				c.records[i] = fold.Decode(c.records[i].Record)
			}
			select {
			case to <- c:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// chunks cuts a batch; an empty one is a chunk too, for its high watermark.
func chunks(b bus.Batch) []chunk {
	var all []chunk
	for recs := b.Records; ; {
		n := min(len(recs), chunkRecords)
		c := chunk{records: make([]fold.Decoded, n), next: b.Next, highWatermark: b.HighWatermark, logStart: b.LogStart}
		for i, rec := range recs[:n] {
			c.records[i].Record = fold.Record{Offset: rec.Offset, Key: rec.Key, Value: rec.Value}
		}
		recs = recs[n:]
		if len(recs) > 0 {
			c.next = recs[0].Offset
		}
		all = append(all, c)
		if len(recs) == 0 {
			return all
		}
	}
}
