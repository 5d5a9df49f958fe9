package stream_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// wires is a network in memory between named clients and an embedded broker, so
// that all of them live in one bubble of fake time. What a client sends can be
// held back, as by a broker that stands still with requests in its sockets: it
// arrives when it is let go, though the client has long given it up.
type wires struct {
	mu        sync.Mutex
	listeners map[string]*wireListener
	next      int
	holds     map[hold]chan struct{}
	first     map[hold]bool    // hold the first such request only
	dead      map[string]bool  // clients that were killed
	halts     map[string]*halt // by client
	delay     time.Duration    // of what clients produce and fetch
}

// hold says what is held back: requests of a kind that name a topic.
type hold struct {
	client string // "" for all
	api    int16
	topic  string
}

// Kinds of requests.
const (
	produces int16 = 0
	fetches  int16 = 1
)

// kindOf is the kind of a request, -1 for what is none.
func kindOf(data []byte) int16 {
	if len(data) < 6 {
		return -1
	}
	return int16(binary.BigEndian.Uint16(data[4:]))
}

func newWires() *wires {
	return &wires{listeners: map[string]*wireListener{}, holds: map[hold]chan struct{}{}, first: map[hold]bool{},
		dead: map[string]bool{}, halts: map[string]*halt{}}
}

// hold holds back until let is called.
func (n *wires) hold(client string, api int16, topic string) (let func()) {
	h, ch := hold{client, api, topic}, make(chan struct{})
	n.mu.Lock()
	n.holds[h] = ch
	n.mu.Unlock()
	return sync.OnceFunc(func() {
		n.mu.Lock()
		delete(n.holds, h)
		n.mu.Unlock()
		close(ch)
	})
}

// holdFirst holds the next such request back; those behind it, on a connection
// of their own, overtake it.
func (n *wires) holdFirst(client string, api int16, topic string) (let func()) {
	n.mu.Lock()
	n.first[hold{client, api, topic}] = true
	n.mu.Unlock()
	return n.hold(client, api, topic)
}

// kill has nothing of a client arrive any more, as after kill -9, until another
// of its name is started.
func (n *wires) kill(client string) (revive func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead[client] = true
	return func() { n.mu.Lock(); delete(n.dead, client); n.mu.Unlock() }
}

func (n *wires) killed(client string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dead[client]
}

// held is closed once the data may go, nil if they may now.
func (n *wires) held(client string, data []byte) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	api := kindOf(data)
	if h := n.halts[client]; h != nil && h.stops(api, data) {
		return h.woken
	}
	for h, ch := range n.holds {
		if (h.client == "" || h.client == client) && h.api == api && bytes.Contains(data, []byte(h.topic)) {
			if n.first[h] {
				delete(n.first, h)
				delete(n.holds, h)
			}
			return ch
		}
	}
	return nil
}

func (n *wires) slow(d time.Duration) { n.mu.Lock(); n.delay = d; n.mu.Unlock() }

func (n *wires) listen(_, _ string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	l := &wireListener{addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40_000 + n.next}, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[l.addr.String()] = l
	return l, nil
}

func (n *wires) dialer(client string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		n.mu.Lock()
		l := n.listeners[addr]
		n.mu.Unlock()
		if l == nil || n.killed(client) {
			return nil, net.ErrClosed
		}
		here, there := net.Pipe()
		select {
		case l.conns <- there:
		case <-l.done:
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		c := &wireConn{Conn: here, n: n, client: client, out: make(chan []byte, 1024), done: make(chan struct{})}
		go c.pump()
		return c, nil
	}
}

type wireConn struct {
	net.Conn
	n      *wires
	client string
	out    chan []byte
	done   chan struct{}
	once   sync.Once
}

func (c *wireConn) Write(b []byte) (int, error) {
	select {
	case <-c.done:
		return 0, net.ErrClosed
	case c.out <- bytes.Clone(b):
		return len(b), nil
	}
}

// Deadlines of writes have no meaning: a socket's buffer takes them all.
func (c *wireConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *wireConn) SetWriteDeadline(time.Time) error { return nil }

// Close leaves what was sent on its way.
func (c *wireConn) Close() error {
	c.once.Do(func() {
		close(c.done)
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	})
	return nil
}

func (c *wireConn) pump() {
	defer c.Conn.Close()
	for {
		var b []byte
		select {
		case b = <-c.out:
		default:
			select {
			case b = <-c.out:
			case <-c.done:
				return
			}
		}
		c.n.mu.Lock()
		delay := c.n.delay
		c.n.mu.Unlock()
		// Not the group's requests: kafka-go waits for those with a lock, and
		// the bubble's time stands still.
		if api := kindOf(b); delay > 0 && (api == produces || api == fetches) {
			time.Sleep(delay)
		}
		if held := c.n.held(c.client, b); held != nil {
			<-held
		}
		if c.n.killed(c.client) {
			return
		}
		if _, err := c.Conn.Write(b); err != nil {
			return
		}
	}
}

type wireListener struct {
	addr  *net.TCPAddr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *wireListener) Addr() net.Addr { return l.addr }
