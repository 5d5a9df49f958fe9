package harness

import (
	"context"
	"syscall"
	"testing"
	"time"

	"rollcall.dev/test/process"
)

// Process is one running program. It is ended, by its id, with the test that
// started it; what it said is logged if that test failed.
type Process struct {
	*process.Process
	t testing.TB
}

// Start starts a program. The environment is the test's without ROLLCALL_….
func Start(t testing.TB, name, path string, args ...string) *Process {
	t.Helper()
	started, err := process.Start(name, path, args)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Process: started, t: t}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s %s said:\n%s", name, p.Args(), process.Tail(p.Output(), 12_000))
		}
	})
	return p
}

// Signal sends a signal.
func (p *Process) Signal(sig syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// Wait waits for the end and returns the exit code; -1 for the end by a signal.
func (p *Process) Wait(patience time.Duration) int {
	p.t.Helper()
	code, err := p.Process.Wait(patience)
	if err != nil {
		p.t.Fatal(err)
	}
	return code
}

// Ready waits until the operations server at addr says so.
func (p *Process) Ready(addr string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	if err := p.Process.Ready(ctx, addr); err != nil {
		p.t.Fatal(err)
	}
}

// FreeAddr is an address of the loopback whose port is free, and of nobody
// else in this test.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, err := process.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
