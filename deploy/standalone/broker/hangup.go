package broker

import (
	"net"
	"sync"
	"time"
)

// maxHangUp is how long the end of a connection is kept back at most.
const maxHangUp = time.Minute

// hangUps keeps the end of a connection back while a request waits for its
// answer. kfake starts the session timer of a group's member with the answer to
// its JoinGroup: whoever dies before that would be a member for ever, and keep
// partitions that nobody reads.
type hangUps struct{ net.Listener }

func listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return hangUps{l}, nil
}

// Accept implements net.Listener.
func (l hangUps) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &hangUp{Conn: conn, closed: make(chan struct{}), answered: make(chan struct{})}
	close(c.answered)
	return c, nil
}

type hangUp struct {
	net.Conn
	once   sync.Once
	closed chan struct{}

	mu       sync.Mutex
	asking   bool          // a request came after the last answer
	answered chan struct{} // closed by the answer
}

// Read implements net.Conn. kfake reads ahead of an answer, never more than one
// request.
func (c *hangUp) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	if n > 0 && !c.asking {
		c.asking, c.answered = true, make(chan struct{})
	}
	answered := c.answered
	c.mu.Unlock()
	if err == nil {
		return n, nil
	}
	limit := time.NewTimer(maxHangUp)
	defer limit.Stop()
	select {
	case <-answered:
	case <-c.closed:
	case <-limit.C: // what wants no answer: a produce without acknowledgement
	}
	return n, err
}

// Write implements net.Conn. An answer is one write.
func (c *hangUp) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asking {
		c.asking = false
		close(c.answered)
	}
	return n, err
}

// Close implements net.Conn.
func (c *hangUp) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
