package chaos

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rollcall.dev/test/chaos/link"
	"rollcall.dev/test/process"
)

// instance is one edge, presence or notifier, or the embedded broker. One
// fault at a time is its owner; between faults the run is.
type instance struct {
	kind, id    string
	listen, ops string
	path        string
	args, env   []string
	link        *link.Link // to Kafka; nil for a broker
	dir         string
	starts      int
	proc        *process.Process
}

// launch starts it, or again what has ended.
func (i *instance) launch() (err error) {
	i.starts++
	i.proc, err = process.Start(i.id, i.path, i.args, i.env...)
	return err
}

// ready waits until it says that it is.
func (i *instance) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if i.ops == "" {
		return dialable(ctx, i.listen)
	}
	return i.proc.Ready(ctx, i.ops)
}

// kill is kill -9.
func (i *instance) kill() {
	i.proc.Kill()
	i.keep()
}

// keep writes what a process that has ended has said to a file.
func (i *instance) keep() {
	name := filepath.Join(i.dir, fmt.Sprintf("%s.%d.log", i.id, i.starts))
	_ = os.WriteFile(name, []byte(i.proc.Output()), 0o644)
}

// stop is the orderly end; the error says that it wasn't.
func (i *instance) stop(patience time.Duration) error {
	defer i.keep()
	if err := i.proc.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	code, err := i.proc.Wait(patience)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with exit code %d: %s", i.id, code, process.Tail(i.proc.Output(), 400))
	}
	return err
}
