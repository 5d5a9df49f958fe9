package host

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"

	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/problem"
)

func (h *Host) makeServers() error {
	mux := http.NewServeMux()
	if err := h.service.Mount(mux, h); err != nil {
		return fmt.Errorf("api: %w", err)
	}
	h.api = ops.NewServer(h.o.Listen, guard(h.o.AdminToken, problem.Mux(mux)), h.log).On(h.o.Bind)
	if h.o.OpsListen == "" {
		ops.Mount(mux, h.ready, h.registry)
		h.ops = h.api
		return nil
	}
	h.ops = ops.NewServer(h.o.OpsListen, ops.Handler(h.ready, h.registry), h.log).On(h.o.Bind)
	return nil
}

func (h *Host) startServers(ctx context.Context) error {
	h.stack.AddClose("peers", func() error {
		h.peers.CloseIdleConnections()
		return nil
	})
	if err := h.startServer(ctx, "api", h.api); err != nil || h.ops == h.api {
		return err
	}
	return h.startServer(ctx, "operations", h.ops)
}

func (h *Host) startServer(ctx context.Context, name string, server *ops.Server) error {
	if err := server.Start(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	h.stack.Add(name, server.Stop)
	return nil
}

// reachable is where other instances find the API: the address listened on,
// with the host's name where that is every address of the host.
func (h *Host) reachable() string {
	host, port, err := net.SplitHostPort(h.Addr())
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
