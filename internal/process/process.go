// Package process is what lies between the operating system and a service's
// run function: signals, the exit code, the one line that says why.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"rollcall.dev/internal/settings"
)

// Run is the body of a process. It returns nil after an orderly end, which
// the end of ctx asks for.
type Run func(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error

// Exit codes beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Main runs run with the arguments, environment and standard output of the
// process and exits: with 0, with 2 for a [settings.UsageError], with 1 for
// any other error, after one line on standard error. SIGINT and SIGTERM end
// the context; a second one ends the process at once.
func Main(run Run) {
	ctx, stop := untilSignal()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	os.Exit(report(os.Stderr, os.Args[0], err))
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends. Unlike
// with signal.NotifyContext, signals have their own effect again before the
// context ends, so that a second one is never lost.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		select {
		case sig := <-signals:
			signal.Stop(signals)
			cancel(fmt.Errorf("signal: %v", sig))
		case <-ctx.Done():
			signal.Stop(signals)
		}
	})
	return ctx, func() {
		cancel(nil)
		watcher.Wait()
	}
}

// report writes why the process ends and returns its exit code.
func report(stderr io.Writer, program string, err error) int {
	if err == nil {
		return 0
	}
	name := program[strings.LastIndexByte(program, '/')+1:]
	fmt.Fprintf(stderr, "%s: %s\n", name, strings.Join(lines(err), "; "))
	if _, usage := errors.AsType[*settings.UsageError](err); usage {
		return exitUsage
	}
	return exitFailed
}

// lines splits the text of an error, which has several lines when errors were
// joined.
func lines(err error) []string {
	var kept []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return kept
}
