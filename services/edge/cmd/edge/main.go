// Command edge holds WebSocket sessions and turns what happens to them into
// events in Kafka.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"rollcall.dev/internal/process"
	"rollcall.dev/internal/settings"
	"rollcall.dev/services/edge/app"
)

// stopLimit bounds an orderly end.
const stopLimit = 30 * time.Second

type cli struct {
	Listen            string        `name:"listen" default:":8080" unit:"host:port" check:"addr" help:"Public address: /ws and /sockjs."`
	OpsListen         string        `name:"ops-listen" default:":8090" unit:"host:port" check:"addr" help:"Address of /metrics, /healthz and /readyz."`
	HeartbeatInterval time.Duration `name:"heartbeat-interval" default:"1s" min:"10ms" max:"1m" help:"How often the edge tells the cluster that it lives. The lease of edges (--edge-lease of presence and notifier) must be several times as long."`

	app.Flags         `embed:""`
	settings.Identity `embed:""`
	settings.Kafka    `embed:""`
	settings.Log      `embed:""`
}

func main() {
	boundHeap(os.Getenv)
	process.Main(run)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var c cli
	exit, err := settings.Parse("edge", "Holds WebSocket sessions and turns what happens to them into events in Kafka.", args, getenv, stdout, &c)
	if exit || err != nil {
		return err
	}
	edge, err := app.New(app.Options{
		Flags: c.Flags, Kafka: c.Kafka, Instance: c.ID("edge"), Listen: c.Listen, OpsListen: c.OpsListen,
		HeartbeatInterval: c.HeartbeatInterval, Logger: process.Logger(os.Stderr, c.Log),
	})
	if err != nil {
		return err
	}
	return process.Serve(ctx, edge, stopLimit)
}
