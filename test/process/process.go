package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Process is one running program. Whoever started it kills it; where the
// system can do that (Linux), it dies with the process that started it.
type Process struct {
	Name string
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when the process has ended
	err  error         // of the process, once done is closed
}

// Start starts a program. The environment is this process's without
// ROLLCALL_…, and with what more adds.
func Start(name, path string, args []string, more ...string) (*Process, error) {
	p := &Process{Name: name, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = append(Environment(), more...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Environment is this process's own without the settings of Rollcall.
func Environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			env = append(env, v)
		}
	}
	return env
}

// Args are the program's arguments as one text.
func (p *Process) Args() string { return strings.Join(p.cmd.Args[1:], " ") }

// Output is what the process has said so far, at most the last MiB of it.
func (p *Process) Output() string { return p.out.String() }

// Kill is kill -9, and waits for the end. Killing what has ended is fine.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Signal sends a signal.
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("signal %v to %s: %w", sig, p.Name, err)
	}
	return nil
}

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended tells whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Wait waits for the end and returns the exit code; -1 for the end by a signal.
func (p *Process) Wait(patience time.Duration) (int, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		if !p.Ended() { // both may have come at once
			return 0, fmt.Errorf("%s hasn't ended within %v", p.Name, patience)
		}
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode(), nil
	}
	if p.err != nil {
		return 0, fmt.Errorf("wait for %s: %w", p.Name, p.err)
	}
	return 0, nil
}
