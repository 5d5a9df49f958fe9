package epoch

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/startstop"
)

// Status is what a beat says of the edge.
type Status struct {
	Sessions int
	Draining bool
	// Oldest is the age of the oldest event that Kafka hasn't acknowledged,
	// wherever it waits.
	Oldest time.Duration
}

// Config of a keeper.
type Config struct {
	// Client is the keeper's own: beats must not wait behind anything.
	Client           *bus.Client
	Topic            string
	Edge             string
	MailboxPartition int32
	Interval         time.Duration
	// Run is unique to this process.
	Run    string
	Status func() Status
	// Entered is called for each epoch, the first one included: when its claim
	// is acknowledged and, for the first, its first beat too. It must not block
	// for long; sessions and interests are announced in its own time.
	Entered func(epoch int64)
	Logger  *slog.Logger
}

// Keeper claims epochs and beats. Its loop ends with ErrInUse when another
// process has claimed the edge's id.
type Keeper struct {
	startstop.Runner
	cfg   Config
	watch watch // of the loop's goroutine, as is heard
	from  int64 // offset in cluster.heartbeat from before the first claim
	heard int64 // offset of the newest record there that was taken

	epoch  atomic.Int64
	told   atomic.Int64 // the epoch that beats tell
	known  atomic.Int64 // newest record of the topic that was read or acknowledged
	claims int
	asked  chan struct{} // somebody waits for the next beat
	wake   chan struct{} // over has changed

	mu      sync.Mutex
	goodbye bool
	over    int64  // the newest epoch that is known to be over
	why     string // it is
	since   time.Time
}

// New makes a keeper. It does no I/O.
func New(cfg Config) *Keeper {
	return &Keeper{cfg: cfg, watch: watch{edge: cfg.Edge, run: cfg.Run}, wake: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
}

// Start claims the first epoch, has a first beat acknowledged and then calls
// Entered. It waits for Kafka as long as ctx lasts.
func (k *Keeper) Start(ctx context.Context) error { return k.Run(ctx, k.begin, k.run) }

// Epoch is the current one, 0 before the first.
func (k *Keeper) Epoch() int64 { return k.epoch.Load() }

// Renew says that an epoch is over: something of it was lost. If it is the
// current one, a new one is claimed.
func (k *Keeper) Renew(epoch int64, why string) {
	k.mu.Lock()
	if epoch > k.over {
		k.over, k.why, k.since = epoch, why, time.Now()
	}
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default: // one is on its way already
	}
}

// ended reports whether the current epoch is over, and why.
func (k *Keeper) ended() (why string, ended bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.why, k.over >= k.watch.epoch
}

func (k *Keeper) begin(ctx context.Context) error {
	_, next, err := k.cfg.Client.Offsets(ctx, k.cfg.Topic, 0)
	if err != nil {
		return fmt.Errorf("end of %s: %w", k.cfg.Topic, err)
	}
	k.from = next
	if err := k.claim(ctx); err != nil {
		return err
	}
	k.watch.first = k.watch.epoch
	k.told.Store(k.watch.epoch)
	p := k.cfg.Client.NewProducer(bus.ProducerConfig{})
	defer func() { _ = p.Close(ctx) }()
	if _, err := p.PublishWait(ctx, k.record(k.beat(0))); err != nil {
		return fmt.Errorf("first heartbeat: %w", err)
	}
	k.cfg.Entered(k.watch.epoch)
	return nil
}

// claim appends claims until the offset of one is known and above 0, which
// stands for no epoch. A producer of its own keeps it from waiting behind a beat
// that is stuck.
func (k *Keeper) claim(ctx context.Context) error {
	p := k.cfg.Client.NewProducer(bus.ProducerConfig{})
	defer func() { _ = p.Close(ctx) }()
	for {
		k.claims++
		hb := k.beat(0)
		hb.Claim, hb.Epoch = k.watch.claim(k.claims), k.watch.first
		results, err := p.PublishWait(ctx, k.record(hb))
		if err != nil {
			return fmt.Errorf("claim an epoch: %w", err)
		}
		if offset := results[0].Offset; offset > 0 {
			k.watch.epoch = offset
			k.epoch.Store(offset)
			k.known.Store(max(k.known.Load(), offset))
			k.cfg.Logger.Info("epoch claimed", "edge", k.cfg.Edge, "epoch", offset)
			return nil
		}
	}
}

func (k *Keeper) beat(n int64) schema.Heartbeat {
	known := k.known.Load() // before the backlog is looked at
	s := k.cfg.Status()
	s.Oldest = max(s.Oldest, k.owed())
	return schema.Heartbeat{
		Kind: schema.KindEdge, Instance: k.cfg.Edge, Run: k.cfg.Run, Beat: n, At: schema.At(time.Now()),
		Epoch: k.told.Load(), MailboxPartition: k.cfg.MailboxPartition,
		Sessions: s.Sessions, Draining: s.Draining, OldestMS: (s.Oldest + time.Millisecond - 1).Milliseconds(), Heard: known,
		IntervalMS: k.cfg.Interval.Milliseconds(),
	}
}

// owed is for how long a new epoch has been owed, and with it what was lost of
// the present one.
func (k *Keeper) owed() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.since.IsZero() || k.over < k.told.Load() {
		return 0
	}
	return max(1, time.Since(k.since))
}

func (k *Keeper) record(hb schema.Heartbeat) bus.Record {
	value, err := json.Marshal(hb)
	if err != nil {
		panic(fmt.Sprintf("epoch: encode heartbeat: %v", err)) // a struct of plain fields
	}
	return bus.Record{Topic: k.cfg.Topic, Key: []byte(schema.KindEdge + "/" + k.cfg.Edge), Value: value}
}
