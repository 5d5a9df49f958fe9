package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/lxzan/gws"

	"rollcall.dev/bench/rig"
)

const (
	perRoom = 10 // sessions in one room
	atOnce  = 32 // that connect at the same time
)

// hold runs one for every session, several at once, says so when all are there
// and stays until it is killed.
func hold(sessions int, one func(i int) error) error {
	errs := make(chan error, atOnce)
	var wg sync.WaitGroup
	for first := range atOnce {
		wg.Go(func() {
			for i := first; i < sessions; i += atOnce {
				if err := one(i); err != nil {
					errs <- fmt.Errorf("session %d: %w", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Println("holding")
	select {} // the reading goroutines answer pings
}

// holdSTOMP holds sessions of one user each, ten to a room.
func holdSTOMP(edge string, sessions int) error {
	return hold(sessions, func(i int) error {
		c, err := rig.Dial(edge, fmt.Sprintf("user-%d", i), nil)
		if err != nil {
			return err
		}
		return c.Join(fmt.Sprintf("room.%d", i/perRoom))
	})
}

// holdBare holds WebSocket connections.
func holdBare(addr string, sessions int) error {
	return hold(sessions, func(int) error {
		conn, _, err := gws.NewClient(new(gws.BuiltinEventHandler), &gws.ClientOption{Addr: "ws://" + addr + "/", ReadBufferSize: 512, HandshakeTimeout: 20 * time.Second})
		if err == nil {
			go conn.ReadLoop()
		}
		return err
	})
}

// onePointer is the smallest session storage that gws takes.
type onePointer struct{ value any }

func (s *onePointer) Len() int                                 { return 1 }
func (s *onePointer) Load(string) (any, bool)                  { return s.value, s.value != nil }
func (s *onePointer) Delete(string)                            { s.value = nil }
func (s *onePointer) Store(_ string, value any)                { s.value = value }
func (s *onePointer) Range(f func(key string, value any) bool) { f("", s.value) }

// serveBare is a gws server with the settings that make a connection smallest:
// a goroutine of its own that reads, a small buffer, the handler elsewhere.
func serveBare(out io.Writer) error {
	upgrader := gws.NewUpgrader(new(gws.BuiltinEventHandler), &gws.ServerOption{ReadBufferSize: 128, ReadMaxPayloadSize: 64 << 10,
		ParallelEnabled: true, ParallelGolimit: 1, NewSession: func() gws.SessionStorage { return new(onePointer) }})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := upgrader.Upgrade(w, r); err == nil {
			go conn.ReadLoop()
		}
	})}
	return server.Serve(l)
}
