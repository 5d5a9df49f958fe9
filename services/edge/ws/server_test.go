package ws

import (
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
	"rollcall.dev/services/edge/transport"
)

func TestStartStop(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service {
		return New(Options{Accept: func(*http.Request, transport.Conn) transport.Handler { return nil }})
	})
}

// Connections come, talk, are closed from either side and shut down, all at
// once: each ends once, and nothing is left.
func TestChurn(t *testing.T) {
	f := serve(t, Options{QueueBytes: 8 << 10})
	f.fault = func(c transport.Conn, fault transport.Fault) { c.Close(fault.Code, "fault", []byte("ERROR")) }
	stop := make(chan struct{})
	var fan sync.WaitGroup
	fan.Go(func() {
		tail := []byte(strings.Repeat("t", 2000))
		for {
			select {
			case <-stop:
				return
			default:
			}
			f.Each(func(c transport.Conn) bool {
				if c.SendShared([]byte("head"), tail) == transport.ErrSlow {
					c.Close(transport.CodeSlowConsumer, "slow_consumer", []byte("ERROR"))
				}
				return true
			})
			runtime.Gosched()
		}
	})
	peers := make([]*peer, 40)
	for i := range peers {
		peers[i] = f.overTCP("", "")
	}
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			for range 20 {
				_, _ = p.Write(masked(text, "hello"))
				_, _, _ = p.next()
			}
			switch i % 4 {
			case 0:
				p.Conn.Close()
			case 1:
				_, _ = p.Write(masked(closes, string(closePayload(1000, ""))))
			case 2:
				_, _ = p.Write([]byte("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"))
			case 3:
				p.handler.conn.Close(1008, "kicked", nil)
			}
			_ = p.SetReadDeadline(time.Now().Add(10 * time.Second))
			for {
				if first, _, err := p.next(); err != nil || first == closes {
					break
				}
			}
			p.Conn.Close()
		})
	}
	wg.Wait()
	for _, p := range peers {
		p.handler.end(t)
	}
	close(stop)
	fan.Wait()
	if f.Len() != 0 {
		t.Errorf("%d connections are left", f.Len())
	}
}

// An idle connection costs one goroutine, also after it has been written to.
func TestIdleConnectionHasOneGoroutine(t *testing.T) {
	f := serve(t, Options{})
	const n = 20
	before := runtime.NumGoroutine()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = f.overPipe()
		peers[i].alive()
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+n {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines for %d connections", runtime.NumGoroutine()-before, n)
		}
		runtime.Gosched()
	}
}
