package ws

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lxzan/gws"

	"rollcall.dev/internal/startstop"
	"rollcall.dev/services/edge/transport"
)

// readBuffer is what an idle connection keeps for reading, in bytes: enough for
// what most say. The rest of a larger message is read into its place, which
// costs one read more.
const readBuffer = 128

// Server upgrades requests to connections and owns these. It is an
// http.Handler; the http.Server around it needs ReadHeaderTimeout and
// MaxHeaderBytes. It refuses clients before Start and after Stop.
type Server struct {
	startstop.Runner

	options Options
	epoch   time.Time     // of the clock of heardAt
	offered *gws.Upgrader // for clients that offer subprotocols
	plain   *gws.Upgrader // for those that offer none (Spring, stomp.py), or none that is spoken
	all     registry
	stood   standstill
	beat    []byte // a ping and a heart-beat

	mu    sync.Mutex
	open  bool
	live  sync.WaitGroup // connections from upgrade to Closed
	turns atomic.Uint32  // spreads connections over the buckets

	unguarded bool // in tests: let gws see what would panic it
}

// New makes a server.
func New(o Options) *Server {
	s := &Server{options: o.WithDefaults(), epoch: time.Now(), beat: beat}
	if e := o.Envelope; e != nil {
		s.beat = append(appendHeader(slices.Clone(ping), opText, len(e.Beat)), e.Beat...)
	}
	s.offered = s.upgrader(Subprotocols)
	s.plain = s.upgrader(nil)
	return s
}

func (s *Server) upgrader(protocols []string) *gws.Upgrader {
	return gws.NewUpgrader(events{}, &gws.ServerOption{
		ReadMaxPayloadSize: s.frameLimit(),
		ReadBufferSize:     readBuffer,
		CheckUtf8Enabled:   true,
		SubProtocols:       protocols,
		HandshakeTimeout:   s.options.WriteTimeout,
		// A conn is found through its wire: no storage is needed.
		NewSession: func() gws.SessionStorage { return noStorage{} },
		Logger:     gwsLogger{s.options.Logger},
	})
}

// frameLimit is the size of a WebSocket message in bytes.
func (s *Server) frameLimit() int {
	if e := s.options.Envelope; e != nil {
		return s.options.ReadLimit * e.Expansion
	}
	return s.options.ReadLimit
}

// Start implements startstop.Service.
func (s *Server) Start(ctx context.Context) error {
	return s.Run(ctx, s.begin, func(ctx context.Context) error {
		s.sweep(ctx)
		return s.drain(s.StopContext())
	})
}

func (s *Server) begin(context.Context) error {
	s.setOpen(true)
	return nil
}

func (s *Server) setOpen(open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = open
}

func (s *Server) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// enter counts a connection in, unless the server is not open.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open {
		s.live.Add(1)
	}
	return s.open
}

// drain closes what is left, and by force when its share of the time is over.
func (s *Server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.StopTimeout)
	defer cancel()
	s.setOpen(false)
	s.Each(func(c transport.Conn) bool {
		c.Close(transport.CodeRestart, "server_shutdown", nil)
		return true
	})
	stop := context.AfterFunc(ctx, func() {
		for _, c := range s.all.snapshot() {
			_ = c.raw.Close()
		}
	})
	defer stop()
	s.live.Wait()
	return nil
}

// Len is the number of open connections.
func (s *Server) Len() int { return s.all.len() }

// Each calls f for every connection that is open at this moment, until f
// returns false.
func (s *Server) Each(f func(transport.Conn) bool) {
	for _, c := range s.all.snapshot() {
		if !f(c) {
			return
		}
	}
}
