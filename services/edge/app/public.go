package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"rollcall.dev/services/edge/sockjs"
	"rollcall.dev/services/edge/ws"
)

const (
	// closeTimeout is how long a peer may take to read its end.
	closeTimeout = 2 * time.Second
	// connectionsShare is how much of the time for the edge's end its clients
	// may take. The rest is for what their ends have to tell Kafka.
	connectionsShare = time.Second
)

// makePublic makes what listens to clients.
func (a *App) makePublic() {
	o := ws.Options{AllowedOrigins: a.o.AllowedOrigins, PingInterval: a.o.HeartBeat, ConnectTimeout: a.o.ConnectTimeout,
		CloseTimeout: closeTimeout, StopTimeout: connectionsShare, Logger: a.o.Logger, Admit: a.admit, Unsupported: unsupported, Accept: a.accept}
	a.ws = ws.New(o)
	mux := http.NewServeMux()
	mux.Handle(ws.DefaultPath, a.ws)
	if a.o.SockJS {
		a.sockjs = sockjs.New(sockjs.Options{Options: o})
		mux.Handle(sockjs.DefaultPath+"/", http.StripPrefix(sockjs.DefaultPath, a.sockjs))
		mux.Handle(sockjs.DefaultPath+"/websocket", a.ws) // SockJS's way for clients without SockJS
	}
	if a.o.Root != nil {
		mux.Handle("/", a.o.Root)
	}
	a.public = &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: quiet(a.o.Logger),
	}
}

// serve binds the public address and answers on it from then on: until the
// edge is ready, /ws does with 503.
func (a *App) serve(ctx context.Context) error {
	listener, err := a.o.Bind(ctx, "tcp", a.o.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", a.o.Listen, err)
	}
	a.stack.Add("public server", a.endPublic) // if it gets no further than that
	addr := listener.Addr().String()
	a.addr.Store(&addr)
	go func() {
		defer close(a.served)
		a.served <- a.public.Serve(listener)
	}()
	return nil
}

// endConnections ends the connections and the HTTP server at once: they share
// one share.
func (a *App) endConnections(ctx context.Context) error {
	others := make(chan error, 2)
	go func() { others <- a.endPublic(ctx) }()
	go func() {
		if a.sockjs == nil {
			others <- nil
			return
		}
		others <- a.sockjs.Stop(ctx)
	}()
	return errors.Join(a.ws.Stop(ctx), <-others, <-others)
}

// connections is the number of open ones.
func (a *App) connections() int {
	n := a.ws.Len()
	if a.sockjs != nil {
		n += a.sockjs.Len()
	}
	return n
}

// endPublic waits for the requests under way and cuts off those that take too
// long. It may be called again.
func (a *App) endPublic(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectionsShare)
	defer cancel()
	var err error
	if late := a.public.Shutdown(ctx); late != nil {
		a.o.Logger.Debug("requests are cut off", "edge", a.o.Instance, "reason", late)
		err = a.public.Close()
	}
	for range a.served { // until Serve has returned
	}
	return err
}
