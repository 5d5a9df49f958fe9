// Notifier tells edges who has come, who has left and what was said.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"rollcall.dev/internal/process"
	"rollcall.dev/internal/settings"
	"rollcall.dev/services/notifier/app"
)

// drain is what the end may take: half of what Kubernetes grants.
const drain = 15 * time.Second

type cli struct {
	settings.Kafka    `embed:""`
	settings.Identity `embed:""`

	Listen            string        `name:"listen" default:":8082" check:"addr" help:"Address of the API."`
	OpsListen         string        `name:"ops-listen" default:"" unit:"host:port" help:"Address of /metrics, /healthz and /readyz. Empty: that of --listen."`
	EdgeLease         time.Duration `name:"edge-lease" default:"5s" min:"100ms" max:"10m" help:"Time for which an edge may be silent until it is told nothing any more."`
	HeartbeatInterval time.Duration `name:"heartbeat-interval" default:"1s" min:"10ms" max:"1m" help:"How often every instance tells the others that it lives."`

	settings.Admin `embed:""`
	settings.Log   `embed:""`
}

func main() { process.Main(run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var c cli
	exit, err := settings.Parse("notifier", "Tells edges who has come to a channel, who has left and what was said.", args, getenv, stdout, &c)
	if exit || err != nil {
		return err
	}
	a, err := app.New(app.Options{
		Kafka: c.Kafka, Instance: c.ID("notifier"), Listen: c.Listen, OpsListen: c.OpsListen,
		EdgeLease: c.EdgeLease, HeartbeatInterval: c.HeartbeatInterval, AdminToken: c.AdminToken, Logger: process.Logger(os.Stderr, c.Log),
	})
	if err != nil {
		return err
	}
	return process.Serve(ctx, a, drain)
}
