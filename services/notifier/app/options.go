package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"rollcall.dev/internal/settings"
)

// Options of a notifier instance.
type Options struct {
	Kafka settings.Kafka

	// Instance is unique among the notifier instances that run at a time.
	Instance string
	// Listen is the address of the API, OpsListen that of /metrics, /healthz
	// and /readyz; "" puts these on Listen. Port 0 takes a free one, see
	// App.Addr.
	Listen, OpsListen string
	// EdgeLease is how long an edge may be silent until it is told nothing any
	// more, HeartbeatInterval how often instances tell that they live. 0: 5 s
	// and 1 s.
	EdgeLease, HeartbeatInterval time.Duration

	// Dial replaces the TCP dialer to Kafka. nil: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger is where the notifier logs. nil: nowhere.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.EdgeLease == 0 {
		o.EdgeLease = 5 * time.Second
	}
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = time.Second
	}
	return o
}

// check refuses what can't work, in one line fit for the operator.
func (o Options) check() error {
	switch {
	case o.Instance == "":
		return &settings.UsageError{Err: errors.New("the notifier has no instance id")}
	case o.EdgeLease < 2*o.HeartbeatInterval:
		return &settings.UsageError{Err: errors.New("--edge-lease is too short: " +
			"want at least twice --heartbeat-interval, or one late heartbeat ends every interest of an edge")}
	}
	return nil
}
