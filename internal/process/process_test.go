package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"rollcall.dev/internal/settings"
)

// envRole makes the test binary play a process, for tests of what only a
// whole process shows.
const envRole = "ROLLCALL_PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		os.Exit(m.Run())
	case "orderly":
		Main(func(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
			fmt.Fprintln(stdout, "up", args[0], getenv("ROLLCALL_GREETING"))
			<-ctx.Done()
			fmt.Fprintln(stdout, "down")
			return nil
		})
	case "stubborn":
		Main(func(ctx context.Context, _ []string, _ func(string) string, stdout io.Writer) error {
			fmt.Fprintln(stdout, "up")
			<-ctx.Done()
			fmt.Fprintln(stdout, "draining")
			select {}
		})
	}
}

func process(t *testing.T, role string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), envRole+"="+role, "ROLLCALL_GREETING=hello")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func TestMainEndsOrderlyOnSignals(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, out := process(t, "orderly", "first-arg")
			if !out.Scan() || out.Text() != "up first-arg hello" {
				t.Fatalf("first line %q", out.Text())
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if !out.Scan() || out.Text() != "down" {
				t.Fatalf("after the signal: %q", out.Text())
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("exit: %v, want 0", err)
			}
		})
	}
}

func TestSecondSignalKills(t *testing.T) {
	cmd, out := process(t, "stubborn")
	if !out.Scan() || out.Text() != "up" {
		t.Fatalf("first line %q", out.Text())
	}
	for _, want := range []string{"draining", ""} {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if out.Scan(); out.Text() != want {
			t.Fatalf("line %q, want %q", out.Text(), want)
		}
	}
	err := cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("exit: %v, want death by SIGTERM", err)
	}
}

func TestReport(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		code int
		line string
	}{
		"none":    {nil, 0, ""},
		"failure": {errors.New("listen on :80: permission denied"), 1, "edge: listen on :80: permission denied\n"},
		"joined":  {errors.Join(errors.New("flush: lost"), errors.New("close: gone")), 1, "edge: flush: lost; close: gone\n"},
		"usage":   {fmt.Errorf("start: %w", &settings.UsageError{Err: errors.New("--listen: bad")}), 2, "edge: start: --listen: bad\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := report(&out, "./bin/edge", tc.err); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if out.String() != tc.line {
				t.Errorf("wrote %q, want %q", out.String(), tc.line)
			}
		})
	}
}

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	log := Logger(&out, settings.Log{Level: "warn", Format: "json"})
	log.Info("hidden")
	log.Warn("lease expired", "edge", "edge-0", "epoch", 41)
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, `"edge":"edge-0","epoch":41`) {
		t.Errorf("json at warn: %s", got)
	}
	out.Reset()
	Logger(&out, settings.Log{Level: "debug", Format: "text"}).Debug("seen", "session", "01K")
	if !strings.Contains(out.String(), "level=DEBUG msg=seen session=01K") {
		t.Errorf("text at debug: %s", out.String())
	}
	out.Reset()
	zero := Logger(&out, settings.Log{})
	zero.Debug("hidden")
	zero.Info("shown")
	if got := out.String(); strings.Contains(got, "hidden") || !strings.Contains(got, "msg=shown") {
		t.Errorf("zero settings: %s", got)
	}
}
