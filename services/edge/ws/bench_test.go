package ws

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lxzan/gws"

	"rollcall.dev/services/edge/transport"
)

// connect opens n idle connections to a handler; nobody reads at our end
// unless asked to.
func connect(b *testing.B, h http.Handler, n int) []net.Conn {
	server := httptest.NewServer(h)
	b.Cleanup(server.Close)
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, handshake+"\r\n"); err != nil {
			b.Fatal(err)
		}
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
			b.Fatal(err)
		}
		conns[i] = conn
	}
	return conns
}

// heapAndStack is what is in use after a collection.
func heapAndStack() (heap, stack uint64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

type silent struct{}

func (silent) Data([]byte)           {}
func (silent) Fault(transport.Fault) {}
func (silent) Closed(transport.End)  {}

// bare is gws as TRAPS wants it tuned, and nothing else.
type bare struct{ gws.BuiltinEventHandler }

func bareServer() http.Handler {
	up := gws.NewUpgrader(bare{}, &gws.ServerOption{
		ReadMaxPayloadSize: 64 << 10, ReadBufferSize: 512, ParallelEnabled: true, ParallelGolimit: 1,
		NewSession: func() gws.SessionStorage { return noStorage{} },
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := up.Upgrade(w, r); err == nil {
			bareConns <- c
			go c.ReadLoop()
		}
	})
}

var bareConns = make(chan *gws.Conn, 20_000)

func ourServer(b *testing.B) (*Server, http.Handler) {
	s := New(Options{Accept: func(_ *http.Request, c transport.Conn) transport.Handler {
		c.KeepAlive(false)
		return silent{}
	}})
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Stop(b.Context()) })
	return s, s
}

// BenchmarkIdle reports live heap and stack of one idle connection, both ends
// of it (the client's is a bare socket of about 0.4 KB).
func BenchmarkIdle(b *testing.B) {
	const n = 2000
	for _, kind := range []string{"bare", "ours"} {
		b.Run(kind, func(b *testing.B) {
			var h http.Handler
			if kind == "ours" {
				_, h = ourServer(b)
			} else {
				h = bareServer()
			}
			heap0, stack0 := heapAndStack()
			conns := connect(b, h, n)
			for _, c := range conns { // neither a message nor a pong makes the stack grow for good
				_, _ = c.Write(append(masked(text, "SEND\n\n"), masked(fin|byte(opPong), "")...))
			}
			heap1, stack1 := heapAndStack()
			for b.Loop() {
				runtime.Gosched()
			}
			b.ReportMetric(float64(heap1-heap0)/n, "heap-B/conn")
			b.ReportMetric(float64(stack1-stack0)/n, "stack-B/conn")
			for len(bareConns) > 0 {
				<-bareConns
			}
		})
	}
}

// BenchmarkFanout delivers one message of 300 bytes to 500 readers and waits
// until all have it.
func BenchmarkFanout(b *testing.B) {
	const n = 500
	head, tail := []byte("MESSAGE\nsubscription:sub-0\nmessage-id:7:41020\n"), []byte(strings.Repeat("t", 250))
	size := int64(4 + len(head) + len(tail))
	var received atomic.Int64
	drain := func(conns []net.Conn) {
		for _, c := range conns {
			go func() {
				buf := make([]byte, 4096)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					received.Add(int64(n))
				}
			}()
		}
	}
	rounds := func(b *testing.B, send func()) {
		b.ReportAllocs()
		var start, end syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &start)
		received.Store(0)
		want := int64(0)
		for b.Loop() {
			send()
			for want += n * size; received.Load() < want; {
				runtime.Gosched()
			}
		}
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &end)
		cpu := end.Utime.Nano() + end.Stime.Nano() - start.Utime.Nano() - start.Stime.Nano()
		b.ReportMetric(float64(cpu)/float64(b.N*n), "cpu-ns/delivery")
	}
	b.Run("ours", func(b *testing.B) {
		s, h := ourServer(b)
		drain(connect(b, h, n))
		all := s.all.snapshot()
		rounds(b, func() {
			for _, c := range all {
				_ = c.SendShared(head, tail)
			}
		})
	})
	b.Run("bare", func(b *testing.B) {
		drain(connect(b, bareServer(), n))
		var all []*gws.Conn
		for len(bareConns) > 0 {
			all = append(all, <-bareConns)
		}
		payload := append(head[:len(head):len(head)], tail...)
		rounds(b, func() {
			message := gws.NewBroadcaster(gws.OpcodeText, payload)
			for _, c := range all {
				_ = message.Broadcast(c)
			}
			_ = message.Close()
		})
	})
}
