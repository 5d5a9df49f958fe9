// Package app wires notifier together: the fold of channel.events on its
// partition tasks, the API and the operations server. It is what cmd/notifier
// runs and what the standalone process embeds.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// App is one notifier instance.
type App struct {
	startstop.Runner
	o        Options
	log      *slog.Logger
	topics   schema.Topics
	registry *prometheus.Registry
	ready    *ops.Readiness
	stack    teardown.Stack
	// api serves Options.Listen; ops is the same server, or one of its own.
	api, ops *ops.Server
	// client is nil until it is opened, tasks until Kafka and its topics are
	// there.
	client atomic.Pointer[bus.Client]
	tasks  atomic.Pointer[stream.Service]
}

// New makes an instance. It does no I/O; options that can't work are an error,
// a *settings.UsageError where a setting is the cause.
func New(o Options) (*App, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	a := &App{o: o, log: o.Logger, topics: schema.Topics{Prefix: o.Kafka.TopicPrefix}, registry: ops.NewRegistry()}
	a.ready = ops.NewReadiness(ops.Check{Name: "tasks", Check: a.waiting})
	a.makeServers()
	return a, nil
}

// Start returns when the tasks run; their partitions are restored behind that,
// see /readyz. It waits for Kafka as long as ctx lasts, and answers /readyz
// meanwhile.
func (a *App) Start(ctx context.Context) error { return a.Run(ctx, a.setup, a.loop) }

// Addr is the address of the API with the port that was taken, "" before Start
// has bound it.
func (a *App) Addr() string { return a.api.Addr() }

// OpsAddr is the address of /metrics, /healthz and /readyz, "" before Start
// has bound it.
func (a *App) OpsAddr() string { return a.ops.Addr() }

// setup opens the addresses first, so that /readyz says what is waited for.
func (a *App) setup(ctx context.Context) error {
	for _, step := range []func(context.Context) error{a.startServers, a.startTasks} {
		if err := step(ctx); err != nil {
			return errors.Join(err, a.release(context.WithoutCancel(ctx)))
		}
	}
	a.log.Info("notifier runs", "instance", a.o.Instance, "listen", a.Addr())
	return nil
}

// loop waits for the end: that of Stop, or of a part that fails.
func (a *App) loop(ctx context.Context) error {
	tasks := a.tasks.Load()
	var failed error
	select {
	case <-ctx.Done():
	case <-tasks.Done():
		failed = fmt.Errorf("tasks have ended: %w", tasks.Err())
	case <-a.api.Done():
		failed = fmt.Errorf("api has ended: %w", a.api.Err())
	case <-a.ops.Done():
		failed = fmt.Errorf("operations have ended: %w", a.ops.Err())
	}
	return errors.Join(failed, a.release(a.StopContext()))
}

func (a *App) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	return a.stack.Run(ctx)
}
