package sockjs

import (
	"context"
	"errors"
	"sync"

	"rollcall.dev/internal/startstop"
	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/ws"
)

// Server answers SockJS below a path and owns the sessions. It is an
// http.Handler for paths from which that path was stripped; the http.Server
// around it needs ReadTimeout and WriteTimeout, which bound how long a body may
// take and a short answer. It refuses new sessions before Start and after Stop.
type Server struct {
	startstop.Runner

	options Options
	socket  *ws.Server // of the websocket transport

	mu    sync.Mutex
	open  bool
	conns map[string]*conn // over HTTP, by server and session id
	live  sync.WaitGroup   // connections until Closed
}

// New makes a server.
func New(o Options) *Server {
	o = o.withDefaults()
	framed := o.Options
	framed.Envelope = envelope
	return &Server{options: o, socket: ws.New(framed), conns: map[string]*conn{}}
}

// Start implements startstop.Service.
func (s *Server) Start(ctx context.Context) error {
	return s.Run(ctx, s.begin, func(ctx context.Context) error {
		<-ctx.Done()
		return s.drain(s.StopContext())
	})
}

func (s *Server) begin(ctx context.Context) error {
	if err := s.socket.Start(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = true
	return nil
}

// drain closes what is left, and by force when its share of the time is over.
func (s *Server) drain(ctx context.Context) error {
	socket := make(chan error, 1)
	go func() { socket <- s.socket.Stop(ctx) }()
	share, cancel := context.WithTimeout(ctx, s.options.StopTimeout)
	defer cancel()
	s.mu.Lock()
	s.open = false
	s.mu.Unlock()
	for _, c := range s.snapshot() {
		c.Close(transport.CodeRestart, "server_shutdown", nil)
	}
	stop := context.AfterFunc(share, func() {
		for _, c := range s.snapshot() {
			c.cutOff()
		}
	})
	defer stop()
	s.live.Wait()
	return <-socket
}

// Len is the number of open connections.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) + s.socket.Len()
}

func (s *Server) snapshot() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*conn, 0, len(s.conns))
	for _, c := range s.conns {
		all = append(all, c)
	}
	return all
}

// find returns the session of an id; nil if there is none.
func (s *Server) find(id string) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns[id]
}

var (
	errNotOpen = errors.New("not open")
	errFull    = errors.New("too many sessions")
)

// enter adds a session that was made for id, unless there is one already.
func (s *Server) enter(id string, made *conn) (_ *conn, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[id]; c != nil {
		return c, nil
	}
	if !s.open {
		return nil, errNotOpen
	}
	if len(s.conns) >= s.options.MaxSessions {
		return nil, errFull
	}
	s.conns[id] = made
	s.live.Add(1)
	return made, nil
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}
