// Package standalone is the whole pipeline in one process: an embedded Kafka,
// presence, notifier and edge with the demo page, each the same app that its
// own binary runs. They talk through Kafka alone, as they do apart.
package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"rollcall.dev/deploy/standalone/broker"
	"rollcall.dev/deploy/standalone/demo"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/teardown"
	edge "rollcall.dev/services/edge/app"
	notifier "rollcall.dev/services/notifier/app"
	presence "rollcall.dev/services/presence/app"
)

// The end takes no longer than the sum of these: first the sessions end, then
// what they have caused is folded, then the log is closed.
const (
	edgeDrain  = 2 * time.Second
	tasksDrain = 1500 * time.Millisecond
	logDrain   = 1200 * time.Millisecond
)

// App is the process.
type App struct {
	startstop.Runner
	o        Options
	log      *slog.Logger
	stack    teardown.Stack
	broker   *broker.Broker
	presence *presence.App
	notifier *notifier.App
	edge     *edge.App
}

// New makes the process's parts that can be made without a broker. Options
// that can't work are an error.
func New(o Options) (*App, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	a := &App{o: o, log: o.Logger}
	if o.embedded() {
		a.broker = broker.New(broker.Options{Listen: o.KafkaListen, DataDir: o.DataDir, Logger: o.Logger})
	}
	return a, a.makeServices([]string{o.KafkaListen}) // refuses wrong settings before anything is opened
}

func (a *App) makeServices(brokers []string) (err error) {
	if !a.o.embedded() {
		brokers = a.o.Brokers
	}
	if a.presence, err = presence.New(a.o.presence(brokers)); err != nil {
		return err
	}
	if a.notifier, err = notifier.New(a.o.notifier(brokers)); err != nil {
		return err
	}
	a.edge, err = edge.New(edge.Options{
		Flags: a.o.Edge, Kafka: a.o.kafka(brokers), Instance: "edge-" + a.o.InstanceID,
		Listen: a.o.Listen.Edge, OpsListen: a.o.Listen.EdgeOps, HeartbeatInterval: a.o.HeartbeatInterval,
		Root: demo.Handler(), Logger: a.log.With("service", "edge"),
	})
	return err
}

// Start returns when the edge accepts sessions and presence and notifier run.
func (a *App) Start(ctx context.Context) error { return a.Run(ctx, a.setup, a.loop) }

func (a *App) setup(ctx context.Context) error {
	err := a.startBroker(ctx)
	if err == nil {
		err = a.startServices(ctx)
	}
	if err != nil {
		return errors.Join(err, a.stack.Run(context.WithoutCancel(ctx)))
	}
	return nil
}

func (a *App) startBroker(ctx context.Context) error {
	if a.broker == nil {
		return nil
	}
	if err := a.broker.Start(ctx); err != nil {
		return err
	}
	a.stack.Add("embedded Kafka", bounded(logDrain, a.broker.Stop))
	if err := a.makeTopics(ctx, a.broker.Addr()); err != nil {
		return err
	}
	// Only now the port is known.
	return a.makeServices([]string{a.broker.Addr()})
}

// startServices starts all at once: each waits for what it needs.
func (a *App) startServices(ctx context.Context) error {
	a.stack.Add("presence and notifier", bounded(tasksDrain, func(ctx context.Context) error {
		return errors.Join(together(ctx, a.presence.Stop, a.notifier.Stop)...)
	}))
	a.stack.Add("edge", bounded(edgeDrain, a.edge.Stop))
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	starting := func(name string, start func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			err := start(ctx)
			if err != nil {
				cancel(fmt.Errorf("%s: %w", name, err)) // the first one is the cause
			}
			return err
		}
	}
	errs := together(ctx, starting("presence", a.presence.Start), starting("notifier", a.notifier.Start), starting("edge", a.edge.Start))
	if errors.Join(errs...) != nil {
		return context.Cause(ctx)
	}
	return nil
}

// loop waits for the end: that of Stop, or of a service that fails. Without
// the others a service is of no use here.
func (a *App) loop(ctx context.Context) error {
	var failed error
	select {
	case <-ctx.Done():
	case <-a.presence.Done():
		failed = fmt.Errorf("presence has ended: %w", a.presence.Err())
	case <-a.notifier.Done():
		failed = fmt.Errorf("notifier has ended: %w", a.notifier.Err())
	case <-a.edge.Done():
		failed = fmt.Errorf("edge has ended: %w", a.edge.Err())
	}
	return errors.Join(failed, a.stack.Run(a.StopContext()))
}

// bounded gives a step of the end a limit of its own.
func bounded(limit time.Duration, stop func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return stop(ctx)
	}
}

// together calls all at once and waits for all.
func together(ctx context.Context, calls ...func(context.Context) error) []error {
	errs := make([]error, len(calls))
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() { errs[i] = call(ctx) })
	}
	wg.Wait()
	return errs
}
