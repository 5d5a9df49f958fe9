package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/settings"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/ws"
)

// Flags are the settings that only an edge has. cmd/edge and the standalone
// process embed them beside the groups of package settings; addresses and the
// heartbeat interval are not among them because a process of several services
// names or shares those itself.
type Flags struct {
	Auth           string        `name:"auth" default:"" unit:"name: jwt or none" help:"How clients prove who they are. jwt: with a signed token (--jwt-…). none: the STOMP login header is the user, whoever says so; it must be asked for by name."`
	AllowedOrigins []string      `name:"allowed-origins" default:"" unit:"origins such as https://chat.example.org, or *" help:"Origins of web pages that may connect. Empty: pages of the edge's own host."`
	HeartBeat      time.Duration `name:"heart-beat" default:"10s" max:"1h" help:"STOMP heart-beat that the edge offers and asks for; 0s: none. WebSocket pings go out as often."`
	SockJS         bool          `name:"sockjs" default:"true" negatable:"" help:"Serve SockJS below /sockjs, for clients whose network lets no WebSocket through."`
	ConnectTimeout time.Duration `name:"connect-timeout" default:"10s" min:"100ms" max:"5m" help:"Time from the WebSocket's opening to its CONNECT frame."`
	RosterLimit    int           `name:"roster-limit" default:"1000" min:"1" max:"100000" unit:"members" help:"Members named in a channel's state; the count is exact beyond it."`
	OutboxLimit    int           `name:"outbox-limit" default:"4096" min:"16" max:"1000000" unit:"events" help:"Events that wait for Kafka, per topic partition. Beyond it new connections get 503 and live sessions are told as they are once Kafka is back."`
	ExpiryNotice   time.Duration `name:"expiry-notice" default:"30s" min:"10ms" max:"1h" help:"How long before its token expires a session is told so on /user/queue/session, to send a new one to /app/session/refresh."`

	auth.Tokens `embed:""`
}

// Options of an edge.
type Options struct {
	Flags
	Kafka settings.Kafka

	// Instance is the edge's id: the same after a restart, of no other at the
	// same time.
	Instance string
	// Listen is the public address (/ws, /sockjs and Root), OpsListen that of /metrics,
	// /healthz and /readyz. Port 0 takes a free one, see App.Addr.
	Listen, OpsListen string
	// HeartbeatInterval is how often the edge tells the cluster that it lives.
	HeartbeatInterval time.Duration

	// Root answers "/" and what lies under it on the public address, such as
	// the demo page. nil: 404.
	Root http.Handler
	// Dial replaces the TCP dialer to Kafka. nil: net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Bind replaces the TCP listener of both addresses. nil: ops.TCP.
	Bind ops.Bind
	// Logger is where the edge logs. nil: nowhere.
	Logger *slog.Logger

	linger time.Duration // for tests, see hub.Config
}

// withDefaults fills what an embedder may leave out.
func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Bind == nil {
		o.Bind = ops.TCP
	}
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = time.Second
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = 10 * time.Second
	}
	if o.RosterLimit == 0 {
		o.RosterLimit = 1000
	}
	if o.OutboxLimit == 0 {
		o.OutboxLimit = 4096
	}
	if o.ExpiryNotice == 0 {
		o.ExpiryNotice = 30 * time.Second
	}
	return o
}

// check refuses what can't work, in one line fit for the operator.
func (o Options) check() error {
	if o.Instance == "" {
		return &settings.UsageError{Err: fmt.Errorf("the edge has no instance id")}
	}
	for _, pattern := range o.AllowedOrigins {
		if err := ws.CheckOrigin(pattern); err != nil {
			const name = "allowed-origins"
			return &settings.UsageError{Err: fmt.Errorf("--%s (%s): %q %w", name, settings.EnvName(name), pattern, err)}
		}
		// A browser sends the cookie for any page; only the origin tells which.
		if pattern == "*" && o.Cookie != "" {
			return &settings.UsageError{Err: errors.New("--jwt-cookie with --allowed-origins=*: every page could act as who looks at it; want the origins by name")}
		}
	}
	return nil
}

// authenticator makes it of the settings.
func (o Options) authenticator() (*auth.Auth, error) {
	a, err := auth.New(auth.Options{Mode: o.Auth, Tokens: o.Tokens, Logger: o.Logger})
	if err != nil {
		return nil, &settings.UsageError{Err: err}
	}
	return a, nil
}
