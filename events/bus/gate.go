package bus

import (
	"context"
	"net"
	"sync"

	"github.com/segmentio/kafka-go"
)

// gate is the transport until it is closed. kafka-go opens a pool of
// connections for each request that finds none, and nobody would ever close the
// one of a request that comes after the client's Close.
type gate struct {
	*kafka.Transport

	mu     sync.RWMutex
	closed bool
}

// RoundTrip implements kafka.RoundTripper.
func (g *gate) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	g.mu.RLock()
	closed := g.closed
	g.mu.RUnlock()
	if closed {
		return nil, ErrClosed
	}
	return g.Transport.RoundTrip(ctx, addr, req)
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.CloseIdleConnections()
}
