package bus

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A broker in a process of its own is this test binary started again, so that
// it can be killed and started on the same port with the same data directory.
const (
	childPortEnv = "ROLLCALL_TEST_CHILD_BROKER_PORT"
	childDirEnv  = "ROLLCALL_TEST_CHILD_BROKER_DIR"
)

// runBrokerChild is the child's main. It ends when its standard input does, so
// that it can't outlive the test.
func runBrokerChild() bool {
	if len(os.Args) == 3 && os.Args[1] == restartArg {
		askForRestart(os.Args[2])
		return true
	}
	port := os.Getenv(childPortEnv)
	if port == "" {
		return false
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		panic(err)
	}
	var c *kfake.Cluster
	for deadline := time.Now().Add(10 * time.Second); ; {
		c, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n), kfake.DataDir(os.Getenv(childDirEnv)), kfake.SyncWrites(),
			kfake.GroupMinSessionTimeout(100*time.Millisecond))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			panic(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	c.Close()
	return true
}

type childBroker struct {
	t     testing.TB
	port  int
	dir   string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startChildBroker(t testing.TB) *childBroker {
	t.Helper()
	probe, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(probe.ListenAddrs()[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	probe.Close()
	b := &childBroker{t: t, port: port, dir: t.TempDir()}
	b.start()
	t.Cleanup(b.kill)
	return b
}

func (b *childBroker) addr() string { return fmt.Sprintf("127.0.0.1:%d", b.port) }

func (b *childBroker) start() {
	b.cmd = exec.Command(os.Args[0])
	b.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", childPortEnv, b.port), childDirEnv+"="+b.dir)
	b.cmd.Stderr = os.Stderr
	in, err := b.cmd.StdinPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	b.stdin = in
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		b.t.Fatalf("child broker said %q: %v", line, err)
	}
}

// kill ends the broker at once, with whatever it was doing.
func (b *childBroker) kill() {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
	b.cmd = nil
}

// stop ends the broker cleanly.
func (b *childBroker) stop() {
	_ = b.stdin.Close()
	_ = b.cmd.Wait()
	b.cmd = nil
}

// restartArg makes the test binary ask the test, at the address that follows,
// to restart its broker: Watermill's suite wants a command for that.
const restartArg = "restart-broker"

func askForRestart(addr string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		panic(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "restarted" {
		panic(fmt.Sprintf("restart: %q, %v", answer, err))
	}
}

// restartCommand returns a command that kills and starts the broker.
func (b *childBroker) restartCommand() []string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	done := make(chan struct{})
	b.t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.kill()
			b.start()
			_, _ = io.WriteString(conn, "restarted")
			_ = conn.Close()
		}
	}()
	return []string{os.Args[0], restartArg, l.Addr().String()}
}
