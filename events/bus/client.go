package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// metadataTTL bounds how long a stale leader is used. kafka-go refreshes at
	// a random moment below it; a failed request refreshes sooner (refresh).
	metadataTTL = 2 * time.Second
	// refreshEvery keeps a burst of failures from becoming a burst of dials.
	refreshEvery = 250 * time.Millisecond
	dialTimeout  = 3 * time.Second
	idleTimeout  = 30 * time.Second
	// callTimeout bounds one administrative round trip.
	callTimeout = 10 * time.Second
)

// Config says where Kafka is.
type Config struct {
	// Brokers are host:port addresses to find the cluster by; one that answers
	// is enough.
	Brokers []string
	// ClientID is shown in the broker's logs and quotas.
	ClientID string
	// Dial replaces the TCP dialer, for example by an in-memory network. nil
	// means net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger receives outages and recoveries. nil means slog.Default.
	Logger *slog.Logger
}

// Client holds the connections that producers, readers and groups share. It is
// safe for concurrent use.
type Client struct {
	cfg       Config
	addr      net.Addr
	transport *gate
	api       *kafka.Client
	log       *slog.Logger

	counts  sync.Map // topic name → partition count (int)
	contact contact

	mu          sync.Mutex
	lastRefresh time.Time
}

// Open checks the configuration and returns a client. It does no I/O: a broker
// that is away shows itself in the first call that needs it.
func Open(cfg Config) (*Client, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("bus: no brokers configured")
	}
	for _, b := range cfg.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("bus: broker address %q is not host:port: %w", b, err)
		}
		if strings.Contains(b, ",") {
			return nil, fmt.Errorf("bus: broker address %q holds a comma: give one address per entry", b)
		}
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "rollcall"
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c := &Client{cfg: cfg, addr: kafka.TCP(cfg.Brokers...), log: cfg.Logger}
	c.transport = &gate{Transport: &kafka.Transport{
		Dial:        cfg.Dial,
		DialTimeout: dialTimeout,
		IdleTimeout: idleTimeout,
		MetadataTTL: metadataTTL,
		ClientID:    cfg.ClientID,
	}}
	c.api = &kafka.Client{Addr: c.addr, Transport: c.transport}
	return c, nil
}

// Close drops the idle connections. Close producers, readers and groups first:
// what they still have under way keeps its connection until it is done, and
// what they ask later fails with ErrClosed.
func (c *Client) Close() error {
	c.transport.close()
	return nil
}

// Ping makes one metadata round trip to any broker.
func (c *Client) Ping(ctx context.Context) error {
	if _, err := c.metadata(ctx, nil); err != nil {
		return fmt.Errorf("bus: ping: %w", err)
	}
	return nil
}

// refresh forgets connections and the cached cluster layout, so that the next
// request dials and asks afresh. kafka-go offers no other way to ask for the
// layout before its timer does, and keeps connections that a restarted broker
// has long closed. Requests under way are not disturbed.
func (c *Client) refresh() {
	c.mu.Lock()
	due := time.Since(c.lastRefresh) >= refreshEvery
	if due {
		c.lastRefresh = time.Now()
	}
	c.mu.Unlock()
	if due {
		c.transport.CloseIdleConnections()
	}
}
