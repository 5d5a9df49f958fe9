package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"rollcall.dev/internal/startstop"
)

// Limits of a connection to an operations or API port. Profiles of pprof may
// run for 30 s, hence the long write.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Server serves a handler on an address of its own. It is a
// [startstop.Service], and does for the APIs of the services as well.
type Server struct {
	startstop.Runner
	listen   string
	logger   *slog.Logger
	http     *http.Server
	bindTo   Bind
	listener net.Listener
}

// Bind opens a listener, as net.Listen does.
type Bind func(ctx context.Context, network, address string) (net.Listener, error)

// TCP is the Bind of those who are given none.
func TCP(ctx context.Context, network, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, network, address)
}

// NewServer makes a server for the address listen (host:port; port 0 takes a
// free one, see Addr), over TCP unless [Server.On] says otherwise.
func NewServer(listen string, handler http.Handler, logger *slog.Logger) *Server {
	return &Server{
		listen: listen,
		logger: logger,
		bindTo: TCP,
		http: &http.Server{
			Handler:           handler,
			ReadHeaderTimeout: readHeaderTimeout,
			ReadTimeout:       readTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		},
	}
}

// On has the server listen on another network than TCP, unless bind is nil.
// Call it before Start.
func (s *Server) On(bind Bind) *Server {
	if bind != nil {
		s.bindTo = bind
	}
	return s
}

// Start listens and serves. An address that can't be had is its error.
func (s *Server) Start(ctx context.Context) error {
	return s.Run(ctx, s.bind, s.serve)
}

func (s *Server) bind(ctx context.Context) error {
	listener, err := s.bindTo(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.listen, err)
	}
	s.listener = listener
	return nil
}

func (s *Server) serve(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", s.listen, err)
	case <-ctx.Done():
	}
	err := s.http.Shutdown(s.StopContext())
	if err != nil {
		// Out of time: the requests still running are cut off.
		s.logger.Warn("requests cut off", "listen", s.Addr(), "reason", err)
		err = errors.Join(fmt.Errorf("drain %s: %w", s.listen, err), s.http.Close())
	}
	<-served
	return err
}

// Addr is the address that is listened on, with the port that was taken. It is
// empty before Started.
func (s *Server) Addr() string {
	select {
	case <-s.Started():
		return s.listener.Addr().String()
	default:
		return ""
	}
}
