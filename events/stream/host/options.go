package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/settings"
)

// Service is what is hosted.
type Service struct {
	// Name is that of the service in logs and errors.
	Name string
	// Kind is schema.KindPresence or schema.KindNotifier.
	Kind string
	Fold fold.Fold
	// Input and Changelog choose the topics of the tasks.
	Input, Changelog func(schema.Topics) string
	// Delays stand in owner.started, for a fold that has some.
	Delays schema.Delays
	// Mount puts the API on a mux. It is called by New: the host has no tasks
	// yet, see [Host.Tasks].
	Mount func(mux *http.ServeMux, h *Host) error
}

// Options of an instance, whatever the service.
type Options struct {
	Kafka settings.Kafka

	// Instance is unique among the instances of the service that run at a time.
	Instance string
	// Listen is the address of the API, OpsListen that of /metrics, /healthz
	// and /readyz; "" puts these on Listen. Port 0 takes a free one, see
	// Host.Addr.
	Listen, OpsListen string
	// EdgeLease is how long an edge may be silent until it counts as lost,
	// HeartbeatInterval how often instances tell that they live. 0: 5 s and 1 s.
	EdgeLease, HeartbeatInterval time.Duration

	// AdminToken is what the API asks for as a bearer token, and sends to other
	// instances. "": everybody is answered.
	AdminToken string

	// Rebuild has the first take-over of each partition ignore the changelog and
	// fold the input from its start; see fold.Rebuilder.
	Rebuild bool

	// Dial replaces the TCP dialer to Kafka. nil: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Bind replaces the TCP listener of the instance's addresses. nil: ops.TCP.
	Bind ops.Bind
	// Logger is where the instance logs. nil: nowhere.
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
func (o Options) check(service string) error {
	switch {
	case o.Instance == "":
		return &settings.UsageError{Err: fmt.Errorf("%s has no instance id", service)}
	case checkAdminToken(o.AdminToken) != nil:
		return &settings.UsageError{Err: checkAdminToken(o.AdminToken)}
	case o.EdgeLease < 2*o.HeartbeatInterval:
		return &settings.UsageError{Err: errors.New("--edge-lease is too short: " +
			"want at least twice --heartbeat-interval, or one late heartbeat makes an edge count as lost")}
	}
	return nil
}
