package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"rollcall.dev/internal/ops"
)

func (a *App) makeServers() {
	mux := http.NewServeMux()
	a.mount(mux)
	a.api = ops.NewServer(a.o.Listen, mux, a.log)
	if a.o.OpsListen == "" {
		ops.Mount(mux, a.ready, a.registry)
		a.ops = a.api
		return
	}
	a.ops = ops.NewServer(a.o.OpsListen, ops.Handler(a.ready, a.registry), a.log)
}

func (a *App) startServers(ctx context.Context) error {
	if err := a.startServer(ctx, "api", a.api); err != nil || a.ops == a.api {
		return err
	}
	return a.startServer(ctx, "operations", a.ops)
}

func (a *App) startServer(ctx context.Context, name string, server *ops.Server) error {
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.stack.Add(name, server.Stop)
	return nil
}

// reachable is where other instances find the API: the address listened on,
// with the host's name where that is every address of the host.
func (a *App) reachable() string {
	host, port, err := net.SplitHostPort(a.Addr())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return ""
		}
	}
	return net.JoinHostPort(host, port)
}
