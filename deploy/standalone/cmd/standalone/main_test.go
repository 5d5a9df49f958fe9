package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asProcess makes this test binary, started by itself, the standalone process.
const asProcess = "STANDALONE_TEST_PROCESS"

func TestMain(m *testing.M) {
	if os.Getenv(asProcess) != "" {
		main()
	}
	os.Exit(m.Run())
}

type child struct {
	*exec.Cmd
	stderr bytes.Buffer
	banner string // the last line
	edge   string // the public address that the banner names
	exited chan error
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// launch starts a process and waits for its banner.
func launch(t *testing.T, dir, kafka string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{exited: make(chan error, 1)}
	c.Cmd = exec.Command(self, "--auth=none", "--data-dir="+dir, "--kafka-listen="+kafka, "--kafka-partitions=2",
		"--edge-listen=127.0.0.1:0", "--edge-ops-listen=127.0.0.1:0", "--presence-listen=127.0.0.1:0", "--notifier-listen=127.0.0.1:0")
	c.Env = append(os.Environ(), asProcess+"=1")
	c.Stderr = &c.stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() }) // it may have ended
	lines := bufio.NewScanner(out)
	for !strings.HasPrefix(c.banner, "Ctrl-C") && lines.Scan() {
		c.banner = lines.Text()
		if _, url, ok := strings.Cut(c.banner, "ws://"); ok {
			c.edge, _, _ = strings.Cut(url, "/")
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		c.exited <- c.Wait()
	}()
	if c.banner == "" {
		<-c.exited
		t.Fatalf("no banner: %s", c.stderr.String())
	}
	return c
}

// end waits for the exit, at most 5 s.
func (c *child) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-c.exited:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("still running after 5 s")
		return nil
	}
}

func TestCtrlCEndsItCleanly(t *testing.T) {
	c := launch(t, t.TempDir(), freePort(t))
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.end(t); err != nil || strings.Contains(c.stderr.String(), "level=ERROR") {
		t.Fatalf("exit %v, standard error: %s", err, c.stderr.String())
	}
}

func TestCtrlCEndsItCleanlyWithMuteClients(t *testing.T) {
	c := launch(t, t.TempDir(), freePort(t))
	for i := range 200 {
		mute(t, c.edge, fmt.Sprint("user", i))
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.end(t); err != nil || c.stderr.Len() > 0 {
		t.Fatalf("exit %v, standard error: %s", err, c.stderr.String())
	}
}

func TestItStartsAgainAfterAKill(t *testing.T) {
	dir, kafka := t.TempDir(), freePort(t)
	for range 3 {
		c := launch(t, dir, kafka)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.end(t) // the kill
	}
	c := launch(t, dir, kafka)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.end(t); err != nil {
		t.Fatalf("exit %v, standard error: %s", err, c.stderr.String())
	}
}

func TestHelpListsTheFlagsOfAll(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), []string{"--help"}, func(string) string { return "" }, &out); err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--data-dir", "--kafka-listen", "--kafka-brokers", "--kafka-partitions", "--kafka-topic-prefix",
		"--kafka-replication", "--edge-listen", "--edge-ops-listen", "--presence-listen", "--notifier-listen", "--instance-id",
		"--leave-delay", "--leave-delay-drain", "--leave-delay-clean", "--edge-lease", "--heartbeat-interval", "--auth",
		"--allowed-origins", "--log-level", "--log-format", "ROLLCALL_DATA_DIR"} {
		if !strings.Contains(out.String(), flag) {
			t.Errorf("--help doesn't say %s", flag)
		}
	}
}

func TestAWrongValueIsOneLine(t *testing.T) {
	for _, arg := range []string{"--kafka-listen=nowhere", "--kafka-brokers=nowhere", "--auth=maybe", "--kafka-partitions=0", "--allowed-origins=foo"} {
		err := run(t.Context(), []string{"--auth=none", arg}, func(string) string { return "" }, nil)
		flag, _, _ := strings.Cut(arg, "=")
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: error %v", arg, err)
		}
	}
}
