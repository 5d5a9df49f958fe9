// Presence decides who is in which channel, and who has really left.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/process"
	"rollcall.dev/internal/settings"
	"rollcall.dev/services/presence/app"
)

// drain is what the end may take: half of what Kubernetes grants.
const drain = 15 * time.Second

type cli struct {
	settings.Kafka    `embed:""`
	settings.Identity `embed:""`
	app.Flags         `embed:""`

	Listen            string        `name:"listen" default:":8081" check:"addr" help:"Address of the API."`
	OpsListen         string        `name:"ops-listen" default:"" unit:"host:port" help:"Address of /metrics, /healthz and /readyz. Empty: that of --listen."`
	EdgeLease         time.Duration `name:"edge-lease" default:"5s" min:"100ms" max:"10m" help:"Time for which an edge may be silent until its sessions are ended."`
	HeartbeatInterval time.Duration `name:"heartbeat-interval" default:"1s" min:"10ms" max:"1m" help:"How often every instance tells the others that it lives."`
	Rebuild           bool          `name:"rebuild" help:"Ignore the state kept in presence.state and make it anew from all that session.lifecycle holds: after a loss in that changelog, or with a version whose rules differ. Sessions older than the log are known by their re-announcements; readers hear nothing twice. For one start: each partition is rebuilt when this process first gets it."`

	settings.Admin `embed:""`
	settings.Log   `embed:""`
}

func main() {
	boundHeap(os.Getenv)
	process.Main(run)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var c cli
	exit, err := settings.Parse("presence", "Decides who is in which channel, and who has really left.", args, getenv, stdout, &c)
	if exit || err != nil {
		return err
	}
	a, err := app.New(app.Options{
		Flags: c.Flags, Options: host.Options{
			Kafka: c.Kafka, Instance: c.ID("presence"), Listen: c.Listen, OpsListen: c.OpsListen,
			EdgeLease: c.EdgeLease, HeartbeatInterval: c.HeartbeatInterval, Rebuild: c.Rebuild, AdminToken: c.AdminToken, Logger: process.Logger(os.Stderr, c.Log),
		},
	})
	if err != nil {
		return err
	}
	return process.Serve(ctx, a, drain)
}
