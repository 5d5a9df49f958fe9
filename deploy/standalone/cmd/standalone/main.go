// Standalone runs the whole pipeline in one process.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"rollcall.dev/deploy/standalone"
	"rollcall.dev/internal/process"
	"rollcall.dev/internal/settings"
)

// drain is what the end may take; the parts share it.
const drain = 4800 * time.Millisecond

type cli struct {
	standalone.Flags `embed:""`

	// Less than a service of its own logs: here people read what it prints.
	LogLevel  string `name:"log-level" default:"warn" enum:"debug,info,warn,error" help:"Least severe level that is logged."`
	LogFormat string `name:"log-format" default:"text" enum:"text,json" help:"Format of a log line, on standard error."`
}

func main() { process.Main(run) }

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var c cli
	exit, err := settings.Parse("standalone", "Runs Kafka, edge, presence, notifier and a demo page in one process.", args, getenv, stdout, &c)
	if exit || err != nil {
		return err
	}
	log := settings.Log{Level: c.LogLevel, Format: c.LogFormat}
	a, err := standalone.New(standalone.Options{Flags: c.Flags, Logger: process.Logger(os.Stderr, log)})
	if err != nil {
		return err
	}
	return process.Serve(ctx, announced{a, stdout}, drain)
}

// announced says what runs once it does.
type announced struct {
	*standalone.App
	stdout io.Writer
}

func (a announced) Start(ctx context.Context) error {
	if err := a.App.Start(ctx); err != nil {
		return err
	}
	return a.Banner(a.stdout)
}
