package chaos

import (
	"net"
	"sync"
	"sync/atomic"
)

// network is a client's TCP connection, which can go silent.
type network struct {
	*net.TCPConn
	mute   atomic.Bool
	once   sync.Once
	closed chan struct{}
}

// Read implements net.Conn. What arrives once it is mute isn't seen.
func (n *network) Read(p []byte) (int, error) {
	got, err := n.TCPConn.Read(p)
	if n.mute.Load() {
		<-n.closed
		return 0, net.ErrClosed
	}
	return got, err
}

// Close implements net.Conn.
func (n *network) Close() error {
	n.once.Do(func() { close(n.closed) })
	return n.TCPConn.Close()
}

// reset ends the connection without a FIN.
func (n *network) reset() {
	_ = n.SetLinger(0)
	_ = n.Close()
}
