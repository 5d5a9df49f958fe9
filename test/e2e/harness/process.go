package harness

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rollcall.dev/internal/retry"
)

// Process is one running program. It is ended, by its id, with the test that
// started it; what it said is logged if that test failed.
type Process struct {
	Name string
	t    testing.TB
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when the process has ended
	err  error         // of the process, once done is closed
}

// output collects what a process says; safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Start starts a program. The environment is the test's without ROLLCALL_….
func Start(t testing.TB, name, path string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: name, t: t, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Env = Environment()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.WaitDelay = time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %s said:\n%s", name, strings.Join(args, " "), tail(p.out.String(), 12_000))
		}
	})
	return p
}

func tail(text string, n int) string {
	if len(text) > n {
		return "…" + text[len(text)-n:]
	}
	return text
}

// Environment is the test's own without the settings of Rollcall.
func Environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ROLLCALL_") {
			env = append(env, v)
		}
	}
	return env
}

// Output is what the process has said so far.
func (p *Process) Output() string { return p.out.String() }

// Kill is kill -9, and waits for the end. Killing what has ended is fine.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Signal sends a signal.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		p.t.Fatalf("signal %v to %s: %v", sig, p.Name, err)
	}
}

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
func (p *Process) Wait(patience time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s hasn't ended within %v", p.Name, patience)
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.err); ok {
		return exit.ExitCode()
	}
	if p.err != nil {
		p.t.Fatalf("wait for %s: %v", p.Name, p.err)
	}
	return 0
}

// Ready waits until the operations server at addr says so.
func (p *Process) Ready(addr string) {
	p.t.Helper()
	retry.Eventually(p.t, 30*time.Second, func() error {
		if p.Ended() {
			p.t.Fatalf("%s has ended: %v", p.Name, p.err)
		}
		status, body, err := Get("http://" + addr + "/readyz")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s is not ready: %d %s", p.Name, status, body)
		}
		return err
	})
}

var httpClient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Get is one HTTP request.
func Get(url string) (status int, body string, err error) {
	resp, err := httpClient.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	var buf bytes.Buffer
	_, err = buf.ReadFrom(resp.Body)
	return resp.StatusCode, buf.String(), err
}
