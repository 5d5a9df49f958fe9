package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/settings"
)

// Flags are the settings that only presence has. cmd/presence and the
// standalone process embed them beside the groups of package settings.
type Flags struct {
	LeaveDelay      time.Duration `name:"leave-delay" default:"10s" max:"24h" help:"Time in which a session that ended uncleanly (connection lost, tab closed or reloaded) may return before its user is told to have left."`
	LeaveDelayDrain time.Duration `name:"leave-delay-drain" default:"30s" max:"24h" help:"The same for a session that ended because its edge was shut down."`
	LeaveDelayClean time.Duration `name:"leave-delay-clean" default:"0s" max:"24h" help:"The same for a session that ended on purpose."`
}

// Options of a presence instance.
type Options struct {
	// Flags are taken as they are: a delay of 0 is none.
	Flags
	Kafka settings.Kafka

	// Instance is unique among the presence instances that run at a time.
	Instance string
	// Listen is the address of the API, OpsListen that of /metrics, /healthz
	// and /readyz; "" puts these on Listen. Port 0 takes a free one, see
	// App.Addr.
	Listen, OpsListen string
	// EdgeLease is how long an edge may be silent until its sessions are
	// ended, HeartbeatInterval how often instances tell that they live. 0: 5 s
	// and 1 s.
	EdgeLease, HeartbeatInterval time.Duration

	// Dial replaces the TCP dialer to Kafka. nil: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Logger is where presence logs. nil: nowhere.
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
		return &settings.UsageError{Err: errors.New("presence has no instance id")}
	case o.EdgeLease < 2*o.HeartbeatInterval:
		return &settings.UsageError{Err: errors.New("--edge-lease is too short: " +
			"want at least twice --heartbeat-interval, or one late heartbeat ends every session of an edge")}
	}
	return nil
}

func (o Options) delays() schema.Delays {
	return schema.Delays{
		UncleanMS: o.LeaveDelay.Milliseconds(),
		DrainMS:   o.LeaveDelayDrain.Milliseconds(),
		CleanMS:   o.LeaveDelayClean.Milliseconds(),
	}
}
