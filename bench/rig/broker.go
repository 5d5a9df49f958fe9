package rig

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rollcall.dev/deploy/standalone/broker"
)

const (
	// EnvBrokers names an outside Kafka, host:port, comma separated.
	EnvBrokers = "ROLLCALL_TEST_BROKERS"
	envServe   = "ROLLCALL_BENCH_SERVE"
)

// Main runs the benchmarks of a package, or, in the process that Brokers
// starts, the broker. Call it from TestMain.
func Main(m *testing.M) {
	if os.Getenv(envServe) == "" {
		m.Run() // its code is the exit code when TestMain returns
		return
	}
	if err := Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// Serve runs the broker of the standalone build, in memory, until in ends.
func Serve(in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	b := broker.New(broker.Options{Listen: "127.0.0.1:0"})
	if err := b.Start(ctx); err != nil {
		return err
	}
	<-b.Started()
	fmt.Fprintln(out, b.Addr())
	_, err := io.Copy(io.Discard, in)
	return err
}

// Kafka is the broker under a benchmark.
type Kafka struct {
	Name    string // "embedded" or "outside"
	Brokers []string
	pid     int // of the embedded one
}

// StartKafka is the outside Kafka of [EnvBrokers], else an embedded broker in
// a process of its own, which ends with the benchmark.
func StartKafka(b testing.TB) *Kafka {
	b.Helper()
	if outside := os.Getenv(EnvBrokers); outside != "" {
		return &Kafka{Name: "outside", Brokers: strings.Split(outside, ",")}
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envServe+"=1")
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := firstError(err1, err2); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatalf("start the broker: %v", err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatalf("start the broker: %v", err)
	}
	return &Kafka{Name: "embedded", Brokers: []string{strings.TrimSpace(addr)}, pid: cmd.Process.Pid}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
