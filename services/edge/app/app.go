// Package app wires an edge together: sockets, sessions, outbox, roster cache,
// mailbox. It is what cmd/edge runs and what the standalone process embeds.
package app

import (
	"context"
	"errors"

	"rollcall.dev/internal/startstop"
)

// App is one edge.
type App struct {
	startstop.Runner
	o Options
}

// New makes an edge. It does no I/O; options that can't work are an error, a
// *settings.UsageError where a setting is the cause.
func New(o Options) (*App, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	return &App{o: o}, nil
}

// Start returns when the edge accepts sessions. It waits for Kafka as long as
// ctx lasts, and answers /readyz meanwhile.
func (a *App) Start(ctx context.Context) error {
	return a.Run(ctx, func(context.Context) error { return errors.ErrUnsupported }, nil)
}

// Addr is the public address with the port that was taken, "" before Start has
// bound it.
func (a *App) Addr() string { return "" }

// OpsAddr is the address of /metrics, /healthz and /readyz, "" before Start has
// bound it.
func (a *App) OpsAddr() string { return "" }
