package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/brokertest"
	"rollcall.dev/internal/retry"
	"rollcall.dev/internal/settings"
)

// idleSessions is how many the figure is measured at.
const idleSessions = 3000

// BenchmarkIdleSession reports the resident memory of a connected and
// subscribed session that does nothing, in an edge that is a process of its own.
func BenchmarkIdleSession(b *testing.B) {
	if brokers := os.Getenv("ROLLCALL_TEST_EDGE"); brokers != "" {
		serveAsChild(b, brokers)
		return
	}
	brokers := brokertest.Start(b).Addrs()
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkIdleSession$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), "ROLLCALL_TEST_EDGE="+strings.Join(brokers, ","))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = stdin.Close(); _ = cmd.Wait() }()
	addr, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	addr = strings.TrimSpace(addr)
	for i := range 100 { // what the first ones make it allocate for ever
		idle(b, addr, i)
	}
	before := settled(b, cmd.Process.Pid)
	begun := time.Now()
	for i := range idleSessions {
		idle(b, addr, 100+i)
	}
	b.ReportMetric(float64(idleSessions)/time.Since(begun).Seconds(), "connects/s")
	after := settled(b, cmd.Process.Pid)
	b.ReportMetric(float64(after-before)/idleSessions, "B/session")
	b.ReportMetric(0, "ns/op")
}

func serveAsChild(b *testing.B, brokers string) {
	a, err := New(Options{Flags: Flags{Auth: "none", HeartBeat: time.Minute}, Instance: "edge-0", Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0",
		Kafka: settings.Kafka{Brokers: strings.Split(brokers, ","), Partitions: 16, Replication: 1, CreateTopics: true}})
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, a.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_ = a.Stop(ctx)
}

// idle makes a session in one of 100 rooms and waits for CONNECTED.
func idle(b *testing.B, addr string, i int) {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\r\n")
	buf := make([]byte, 2048)
	if _, err := conn.Read(buf); err != nil || !strings.HasPrefix(string(buf), "HTTP/1.1 101") {
		b.Fatalf("%s, %v", buf, err)
	}
	frames := fmt.Sprintf("CONNECT\naccept-version:1.2\nhost:x\nlogin:user%d\n\n\x00SUBSCRIBE\nid:sub-0\ndestination:/topic/room.%d\n\n\x00", i, i%100)
	head := []byte{0x81, 0xfe, byte(len(frames) >> 8), byte(len(frames)), 0, 0, 0, 0} // masked with zeros
	if _, err := conn.Write(append(head, frames...)); err != nil {
		b.Fatal(err)
	}
	for got := ""; !strings.Contains(got, "CONNECTED"); {
		n, err := conn.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		got += string(buf[:n])
	}
}

// settled is the resident memory of a process once it doesn't fall any more.
func settled(b *testing.B, pid int) int {
	b.Helper()
	last := 0
	retry.Eventually(b, 20*time.Second, func() error {
		time.Sleep(2 * time.Second) // the time in which it may still fall
		rss := resident(b, pid)
		if rss < last-last/200 || last == 0 {
			last = rss
			return fmt.Errorf("at %s", schema.At(time.Now()))
		}
		last = rss
		return nil
	})
	return last
}

func resident(b *testing.B, pid int) int {
	b.Helper()
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Skip(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kb << 10
}
