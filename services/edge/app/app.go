// Package app wires an edge together: sockets, sessions, outbox, roster cache,
// mailbox. It is what cmd/edge runs and what the standalone process embeds.
package app

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/teardown"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/epoch"
	"rollcall.dev/services/edge/hub"
	"rollcall.dev/services/edge/mailbox"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/sockjs"
	"rollcall.dev/services/edge/ws"

	"github.com/prometheus/client_golang/prometheus"
)

// App is one edge.
type App struct {
	startstop.Runner
	o         Options
	topics    schema.Topics
	registry  *prometheus.Registry
	readiness readiness
	stack     teardown.Stack

	auth     *auth.Auth
	ops      *ops.Server
	client   *bus.Client // of everything but the heartbeats
	beats    *bus.Client // a connection of their own
	producer *bus.Producer
	keeper   *epoch.Keeper
	outbox   *outbox.Outbox
	mailbox  *mailbox.Reader
	hub      *hub.Hub
	ws       *ws.Server
	sockjs   *sockjs.Server // nil: off

	public  *http.Server
	served  chan error
	addr    atomic.Pointer[string]
	letters prometheus.Counter
	refused prometheus.Counter
}

// New makes an edge. It does no I/O but to read the files of keys; options that
// can't work are an error, a *settings.UsageError where a setting is the cause.
func New(o Options) (*App, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	authenticator, err := o.authenticator()
	if err != nil {
		return nil, err
	}
	a := &App{o: o, auth: authenticator, topics: schema.Topics{Prefix: o.Kafka.TopicPrefix}, registry: ops.NewRegistry(), served: make(chan error, 1)}
	a.readiness.wait("kafka", "not started")
	a.readiness.waitUntil("auth", a.auth.Ready)
	a.readiness.wait("epoch", "not claimed")
	a.measurePublic()
	a.makePublic()
	a.ops = ops.NewServer(o.OpsListen, ops.Handler(a.readiness.checks(a), a.registry), o.Logger).On(o.Bind)
	return a, nil
}

// Start returns when the edge accepts sessions. It waits for Kafka as long as
// ctx lasts; meanwhile /readyz and Root are answered, and /ws with 503.
func (a *App) Start(ctx context.Context) error { return a.Run(ctx, a.begin, a.run) }

// Addr is the public address with the port that was taken, "" before Start has
// bound it.
func (a *App) Addr() string {
	if addr := a.addr.Load(); addr != nil {
		return *addr
	}
	return ""
}

// OpsAddr is the address of /metrics, /healthz and /readyz, "" before Start has
// bound it.
func (a *App) OpsAddr() string { return a.ops.Addr() }

// Ready is nil when the edge accepts sessions, else it says in words what is
// waited for.
func (a *App) Ready() error { return a.readiness.err(a) }

// failLimit bounds the end of an edge that ends by itself.
const failLimit = 10 * time.Second

// run waits for the end, which a failed part may bring about, and then ends
// everything in order: no more sessions, close them, flush, say goodbye.
func (a *App) run(ctx context.Context) error {
	var failure error
	select {
	case <-ctx.Done():
	case <-a.keeper.Done():
		failure = a.keeper.Err()
	case <-a.mailbox.Done():
		failure = a.mailbox.Err()
	case <-a.ops.Done():
		failure = a.ops.Err()
	case failure = <-a.served:
	}
	stop := a.StopContext()
	if failure != nil {
		a.o.Logger.Error("edge ends", "edge", a.o.Instance, "reason", failure)
		var cancel context.CancelFunc
		stop, cancel = context.WithTimeout(context.WithoutCancel(ctx), failLimit)
		defer cancel()
	}
	if err := a.stack.Run(stop); err != nil {
		a.o.Logger.Error("edge did not end cleanly", "edge", a.o.Instance, "reason", err)
		if failure == nil {
			return err
		}
	}
	return failure
}
