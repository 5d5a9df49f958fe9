package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"rollcall.dev/bench/rig"
)

// measure weighs a bare gws server and an edge, or one of them, and prints a
// line for each.
func measure(sessions int, settle time.Duration, only string) error {
	dir, err := os.MkdirTemp("", "rollcall-memory-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if only != "edge" {
		if err := measureBare(sessions, settle); err != nil {
			return fmt.Errorf("bare gws: %w", err)
		}
	}
	if only != "gws" {
		if err := measureEdge(dir, sessions, settle); err != nil {
			return fmt.Errorf("edge: %w", err)
		}
	}
	return nil
}

// measureEdge has the edge in a process of its own; broker, presence and
// notifier are in another.
func measureEdge(dir string, sessions int, settle time.Duration) error {
	paths, err := rig.Build(dir, "./deploy/standalone/cmd/standalone", "./services/edge/cmd/edge")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ring, err := rig.StartRing(ctx, dir, paths[0], "--instance-id=all-0")
	if err != nil {
		return err
	}
	defer ring.Stop()
	listen, err1 := rig.FreeAddr()
	ops, err2 := rig.FreeAddr()
	if err1 != nil || err2 != nil {
		return fmt.Errorf("free ports: %w %w", err1, err2)
	}
	edge, err := rig.Start(dir, paths[1], "--auth=none", "--log-level=warn", "--instance-id=edge-1", "--listen="+listen, "--ops-listen="+ops,
		"--kafka-brokers="+strings.Join(ring.Brokers, ","), "--kafka-topic-prefix="+ring.Prefix)
	if err != nil {
		return err
	}
	defer edge.Stop()
	if err := edge.Ready(ctx, ops); err != nil {
		return err
	}
	return weigh("edge", edge.PID, sessions, settle, "clients", listen, ops)
}

func measureBare(sessions int, settle time.Duration) error {
	server, out, err := self("-role=gws")
	if err != nil {
		return err
	}
	defer end(server)
	addr, err := out.ReadString('\n')
	if err != nil {
		return err
	}
	return weigh("bare gws", server.Process.Pid, sessions, settle, "bare-clients", strings.TrimSpace(addr), "")
}

// weigh starts the clients and compares a server's memory without and with
// them. ops, if the server has it, tells what the memory is.
func weigh(name string, pid, sessions int, settle time.Duration, role, addr, ops string) error {
	before, err := rig.Resident(pid)
	if err != nil {
		return err
	}
	begun := time.Now()
	clients, out, err := self("-role="+role, "-addr="+addr, fmt.Sprint("-sessions=", sessions))
	if err != nil {
		return err
	}
	defer end(clients)
	if line, err := out.ReadString('\n'); err != nil || strings.TrimSpace(line) != "holding" {
		return fmt.Errorf("clients: %q %w", line, err)
	}
	took := time.Since(begun)
	peak, err := rig.Resident(pid)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	after, err := rig.Resident(pid)
	if err != nil {
		return err
	}
	if ops != "" {
		defer describe(ops)
	}
	per := func(rss int64) float64 { return float64(rss-before) / float64(sessions) / 1024 }
	fmt.Printf("%-9s %d sessions in %.1f s; resident %.1f MiB before, %.1f MiB at once (%.1f KiB each), %.1f MiB after %v (%.1f KiB each)\n",
		name, sessions, took.Seconds(), mib(before), mib(peak), per(peak), mib(after), settle, per(after))
	return nil
}

// describe prints the Go runtime's own account.
func describe(ops string) {
	resp, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		fmt.Println("no metrics:", err)
		return
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "go_memstats_heap_alloc_bytes", "go_memstats_heap_inuse_bytes", "go_memstats_heap_idle_bytes",
			"go_memstats_heap_released_bytes", "go_memstats_stack_inuse_bytes", "go_goroutines":
			n, _ := strconv.ParseFloat(value, 64)
			fmt.Printf("  %s %.0f\n", name, n)
		}
	}
}

func mib(b int64) float64 { return float64(b) / (1 << 20) }

// self starts this program in another role; it ends with its standard input.
func self(args ...string) (*exec.Cmd, *bufio.Reader, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, bufio.NewReader(out), cmd.Start()
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
