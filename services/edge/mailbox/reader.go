package mailbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"rollcall.dev/events/bus"
	"rollcall.dev/internal/startstop"
)

// Config of a reader.
type Config struct {
	Client    *bus.Client
	Topic     string
	Partition int32
	Edge      string
	// From is the end of the partition from before the edge's first claim.
	From int64
	// Deliver takes one delivery. It is called from one goroutine.
	Deliver func(d *Delivery)
	// DeadLetter takes a record that can't be decoded, or in part can't.
	DeadLetter func(rec bus.Record, reason error)
	// Missed says that records are gone that were not read, of the epoch or of
	// those before it.
	Missed func(epoch int64, reason error)
	Logger *slog.Logger
}

// Reader reads an edge's mailbox.
type Reader struct {
	startstop.Runner
	cfg Config

	mu    sync.Mutex
	inbox *Inbox
}

// New makes a reader. It does no I/O.
func New(cfg Config) *Reader { return &Reader{cfg: cfg, inbox: NewInbox(cfg.Edge)} }

// Start begins to read.
func (r *Reader) Start(ctx context.Context) error { return r.Run(ctx, nil, r.run) }

// Enter notes a new epoch. It must come before anything is asked for under it.
func (r *Reader) Enter(epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inbox.Enter(epoch)
}

func (r *Reader) epoch() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inbox.Epoch()
}

// Stats is what was counted so far.
func (r *Reader) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inbox.Stats()
}

func (r *Reader) run(ctx context.Context) error {
	start := r.cfg.From
	for {
		reader := r.cfg.Client.NewReader(bus.ReaderConfig{Topic: r.cfg.Topic, Partition: r.cfg.Partition, Start: start})
		err := r.read(ctx, reader)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// What lies between is lost. Whoever asks anew gets whole states.
		r.cfg.Logger.Error("mailbox has lost records", "topic", r.cfg.Topic, "partition", r.cfg.Partition, "reason", err)
		_, start, err = r.cfg.Client.Offsets(ctx, r.cfg.Topic, r.cfg.Partition)
		if err != nil {
			return fmt.Errorf("end of the mailbox: %w", err)
		}
		// Whoever asks under a later epoch asks from now on.
		r.cfg.Missed(r.epoch(), fmt.Errorf("mailbox goes on at offset %d", start))
	}
}

func (r *Reader) read(ctx context.Context, reader *bus.Reader) error {
	for {
		batch, err := reader.Next(ctx)
		if err != nil {
			return err
		}
		if len(batch.Records) > 0 {
			r.take(batch.Records)
		}
	}
}

func (r *Reader) take(records []bus.Record) {
	var d Delivery
	for _, rec := range records {
		r.mu.Lock()
		err := r.inbox.Take(&d, rec.Key, rec.Value)
		r.mu.Unlock()
		if err != nil {
			r.cfg.DeadLetter(rec, err)
		}
	}
	if !d.Empty() {
		r.cfg.Deliver(&d)
	}
}
