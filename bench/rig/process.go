package rig

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Process is a program under measurement.
type Process struct {
	PID int
	cmd *exec.Cmd
	log *os.File
}

// Start starts a program; what it says goes to a file in dir.
func Start(dir, path string, args ...string) (*Process, error) {
	log, err := os.CreateTemp(dir, filepath.Base(path)+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: exec.Command(path, args...), log: log}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p.PID = p.cmd.Process.Pid
	return p, nil
}

// Stop ends the program in an orderly way, and after ten seconds by force.
func (p *Process) Stop() {
	force := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer force.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	_ = p.log.Close()
}

// Kill is kill -9.
func (p *Process) Kill() error { return p.cmd.Process.Kill() }

// Ready waits until an operations server says so; the error has the end of
// what the program said.
func (p *Process) Ready(ctx context.Context, addr string) error {
	client := &http.Client{Timeout: time.Second}
	for {
		resp, err := client.Get("http://" + addr + "/readyz")
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = errors.New(resp.Status)
		}
		select {
		case <-ctx.Done():
			said, _ := os.ReadFile(p.log.Name())
			return fmt.Errorf("%s at %s: %w\n%s", p.cmd.Path, addr, err, said[max(0, len(said)-4000):])
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// FreeAddr is an address of the loopback whose port is free now, and not one
// that an outgoing connection may get (Linux: from 32768).
func FreeAddr() (string, error) {
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", errors.New("no free port")
}

// Ring is the standalone build under measurement, on its embedded broker (in
// memory) or on an outside Kafka.
type Ring struct {
	*Process
	Edge    string // address for clients
	Brokers []string
	Prefix  string // of topics
}

// StartRing starts the program at path, with further flags, and waits until it
// is ready.
func StartRing(ctx context.Context, dir, path string, flags ...string) (*Ring, error) {
	var addrs [5]string
	for i := range addrs {
		addr, err := FreeAddr()
		if err != nil {
			return nil, err
		}
		addrs[i] = addr
	}
	r := &Ring{Edge: addrs[0], Brokers: []string{addrs[4]}, Prefix: fmt.Sprintf("bench-%d.", time.Now().UnixNano())}
	args := []string{"--auth=none", "--data-dir=", "--log-level=warn", "--kafka-topic-prefix=" + r.Prefix, "--edge-listen=" + addrs[0],
		"--edge-ops-listen=" + addrs[1], "--presence-listen=" + addrs[2], "--notifier-listen=" + addrs[3]}
	if outside := os.Getenv(EnvBrokers); outside != "" {
		r.Brokers = strings.Split(outside, ",")
		args = append(args, "--kafka-brokers="+outside)
	} else {
		args = append(args, "--kafka-listen="+addrs[4])
	}
	var err error
	if r.Process, err = Start(dir, path, append(args, flags...)...); err != nil {
		return nil, err
	}
	for _, ops := range addrs[1:4] {
		if err := r.Ready(ctx, ops); err != nil {
			r.Stop()
			return nil, err
		}
	}
	return r, nil
}
