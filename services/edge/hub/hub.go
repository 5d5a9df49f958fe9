package hub

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/roster"
	"rollcall.dev/services/edge/session"

	"github.com/prometheus/client_golang/prometheus"
)

// Outbox is where events go; *outbox.Outbox is one.
type Outbox interface {
	Add(ev outbox.Event) bool
	AddStarted(topic string, partition int32, epoch int64)
	Room(topic string, partition int32) bool
	PartitionOf(key string) int32
	Partitions() int
}

// Config of a hub.
type Config struct {
	Edge             string
	MailboxPartition int32
	Session          *session.Config
	Auth             auth.Authenticator
	Outbox           Outbox
	Limits           roster.Limits
	// Reannounce is how often each live session is told anew, so that the log
	// alone always has it. Default: a quarter of the log's retention.
	Reannounce time.Duration
	// Linger is how long a channel's roster is kept, and kept up to date, after
	// its last subscriber here. Default: 5 s; negative: not at all.
	Linger time.Duration
	// ExpiryNotice is how long before its token expires a session is told so.
	ExpiryNotice time.Duration

	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Times of what is done later.
const (
	tick      = 250 * time.Millisecond
	askAgain  = 5 * time.Second  // no state for so long after the question was acknowledged
	behindMax = 10 * time.Second // a subscriber with a full queue
	// authTimeout bounds the answer to who somebody is.
	authTimeout = 5 * time.Second
)

// maxMessage bounds a message as JSON: it must fit into a connection's queue.
const maxMessage = 128 << 10

// Hub is all sessions and channels of an edge. Safe for concurrent use.
type Hub struct {
	startstop.Runner
	cfg     Config
	metrics *metrics
	origin  time.Time // times of sessions count from here

	sessions  registry
	channels  channels
	requests  atomic.Int64
	lingering lingering
	draining  atomic.Bool
	schedule  schedule
	todo      todo
	working   sync.Mutex // held by workOff: one thing after the other
}

// New makes a hub. It takes connections at once; call Entered before.
func New(cfg Config) *Hub {
	if cfg.Reannounce == 0 {
		cfg.Reannounce = schema.PublicRetention / 4
	}
	if cfg.Linger == 0 {
		cfg.Linger = linger
	}
	h := &Hub{cfg: cfg, origin: time.Now()}
	h.sessions.init()
	h.channels.init()
	h.todo.init(cfg.Outbox.Partitions())
	h.metrics = newMetrics(cfg.Registerer, h)
	return h
}

// Start begins to work off what has to happen later.
func (h *Hub) Start(ctx context.Context) error { return h.Run(ctx, nil, h.run) }

func (h *Hub) run(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	again := time.NewTicker(max(h.cfg.Reannounce/256, time.Millisecond))
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.todo.wake:
		case <-ticker.C:
			h.sweepAsking()
			h.sweepBehind()
			h.sweepLingering()
			h.sweepExpiry()
		case <-again.C:
			h.markAged()
		}
		h.workOff()
	}
}

// Sessions is the number of live ones.
func (h *Hub) Sessions() int { return h.sessions.len() }

// Oldest is the age of the oldest session event that the outbox had no room for
// and that no announcement has made good yet; 0 if there is none. In a new epoch
// every session counts until it is told anew.
func (h *Hub) Oldest() time.Duration {
	since := h.todo.oldest()
	if since == 0 {
		return 0
	}
	return h.now() - since
}

// Drain ends all sessions, and those that come, as server_shutdown, and the
// interest in every channel.
func (h *Hub) Drain() {
	h.draining.Store(true)
	for c := range h.sessions.all() {
		c.Fail(schema.ReasonServerShutdown, "the server is going down for a restart")
	}
	h.sweepLingering()
}

// now is the time since the hub was made; it doesn't jump.
func (h *Hub) now() time.Duration { return time.Since(h.origin) }
