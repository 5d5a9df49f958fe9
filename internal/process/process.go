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
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the handlers go: the second one kills.
	forget := context.AfterFunc(ctx, stop)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	forget()
	stop()
	os.Exit(report(os.Stderr, os.Args[0], err))
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
