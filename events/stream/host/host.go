package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/teardown"
)

// stopLimit bounds the end of an instance that nobody has told to stop.
const stopLimit = 10 * time.Second

// Host is one instance of a stream service.
type Host struct {
	startstop.Runner
	service  Service
	o        Options
	log      *slog.Logger
	topics   schema.Topics
	registry *prometheus.Registry
	ready    *ops.Readiness
	stack    teardown.Stack
	// api serves Options.Listen; ops is the same server, or one of its own.
	api, ops *ops.Server
	// peers asks other instances.
	peers *http.Client
	// client is nil until it is opened, tasks until Kafka and its topics are
	// there.
	client atomic.Pointer[bus.Client]
	tasks  atomic.Pointer[stream.Service]
}

// New makes an instance. It does no I/O; options that can't work are an error,
// a *settings.UsageError where a setting is the cause.
func New(service Service, o Options) (*Host, error) {
	o = o.withDefaults()
	if err := o.check(service.Name); err != nil {
		return nil, err
	}
	h := &Host{service: service, o: o, log: o.Logger,
		topics: schema.Topics{Prefix: o.Kafka.TopicPrefix}, registry: ops.NewRegistry(), peers: newPeers()}
	h.ready = ops.NewReadiness(ops.Check{Name: "tasks", Check: h.waiting})
	return h, h.makeServers()
}

// Start returns when the tasks run; their partitions are restored behind that,
// see /readyz. It waits for Kafka as long as ctx lasts, and answers /readyz
// meanwhile.
func (h *Host) Start(ctx context.Context) error { return h.Run(ctx, h.setup, h.loop) }

// Addr is the address of the API with the port that was taken, "" before Start
// has bound it.
func (h *Host) Addr() string { return h.api.Addr() }

// OpsAddr is the address of /metrics, /healthz and /readyz, "" before Start
// has bound it.
func (h *Host) OpsAddr() string { return h.ops.Addr() }

// Instance is the id of this instance.
func (h *Host) Instance() string { return h.o.Instance }

// Topics are those of the deployment.
func (h *Host) Topics() schema.Topics { return h.topics }

// Tasks are the tasks of the service, nil until Kafka and its topics are
// there.
func (h *Host) Tasks() *stream.Service { return h.tasks.Load() }

// setup opens the addresses first, so that /readyz says what is waited for.
func (h *Host) setup(ctx context.Context) error {
	for _, step := range []func(context.Context) error{h.startServers, h.startTasks} {
		if err := step(ctx); err != nil {
			return errors.Join(err, h.release(context.WithoutCancel(ctx)))
		}
	}
	h.log.Info(h.service.Name+" runs", "instance", h.o.Instance, "listen", h.Addr())
	return nil
}

// loop waits for the end: that of Stop, or of a part that fails.
func (h *Host) loop(ctx context.Context) error {
	tasks := h.tasks.Load()
	var failed error
	select {
	case <-ctx.Done():
	case <-tasks.Done():
		failed = fmt.Errorf("tasks have ended: %w", tasks.Err())
	case <-h.api.Done():
		failed = fmt.Errorf("api has ended: %w", h.api.Err())
	case <-h.ops.Done():
		failed = fmt.Errorf("operations have ended: %w", h.ops.Err())
	}
	return errors.Join(failed, h.release(h.StopContext()))
}

func (h *Host) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	return h.stack.Run(ctx)
}
