package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// network is in memory, between hosts that have names. Its faults are those of
// the link between two of them.
type network struct {
	mu        sync.Mutex
	rand      *rand.Rand
	listeners map[string]*listener // by address
	links     map[string]*link     // by "from>to"
	nextPort  int
	dead      map[string]bool // hosts
	frozen    map[string]int  // hosts
	apart     map[string]int  // hosts that nobody reaches
}

func newNetwork(seed uint64) *network {
	return &network{rand: rand.New(rand.NewPCG(seed, 1)), listeners: map[string]*listener{}, links: map[string]*link{},
		dead: map[string]bool{}, frozen: map[string]int{}, apart: map[string]int{}}
}

// listener is an address of a host.
type listener struct {
	net  *network
	host string
	addr *net.TCPAddr
	in   chan net.Conn
	done chan struct{}
	once sync.Once
}

// backlog is how many connections wait to be accepted.
const backlog = 256

// listen opens an address of a host. Port 0 takes a free one; the IP address is
// that of everybody, for all hosts have a port space in common.
func (n *network) listen(host, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	l := &listener{net: n, host: host, in: make(chan net.Conn, backlog), done: make(chan struct{}), addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}
	if _, err := fmt.Sscan(port, &l.addr.Port); err != nil {
		return nil, err
	}
	if l.addr.Port == 0 {
		n.nextPort++
		l.addr.Port = 20_000 + n.nextPort
	}
	if n.listeners[l.addr.String()] != nil {
		return nil, syscall.EADDRINUSE
	}
	n.listeners[l.addr.String()] = l
	return l, nil
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.net.mu.Lock()
		delete(l.net.listeners, l.addr.String())
		l.net.mu.Unlock()
		close(l.done)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return l.addr }

// dialer is a host's way out.
func (n *network) dialer(host string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		n.mu.Lock()
		l := n.listeners[addr]
		n.nextPort++
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 20_000 + n.nextPort}
		n.mu.Unlock()
		if l == nil {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
		}
		return n.link(host, l.host).connect(ctx, l, from)
	}
}

// link is the way between two hosts, from the one that dials to the one that
// listens.
func (n *network) link(from, to string) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := from + ">" + to
	if n.links[key] == nil {
		l := &link{name: key, net: n, pairs: map[*pair]struct{}{}, changed: make(chan struct{})}
		if n.dead[from] || n.dead[to] {
			l.cut = 1
		}
		if from != observer {
			l.cut += n.apart[to]
		}
		l.frozen = n.frozen[from] + n.frozen[to]
		n.links[key] = l
	}
	return n.links[key]
}

// between are the links that exist from hosts with a prefix to hosts with one.
func (n *network) between(from, to string) []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []*link
	for key, l := range n.links {
		if a, b, _ := strings.Cut(key, ">"); strings.HasPrefix(a, from) && strings.HasPrefix(b, to) {
			out = append(out, l)
		}
	}
	return out
}

// observer is the host that no fault touches.
const observer = "observer"

// isolate lets nobody reach a host, those included who come later, until it is
// called with -1.
func (n *network) isolate(host string, by int) {
	n.mu.Lock()
	n.apart[host] += by
	n.mu.Unlock()
	for _, l := range n.between("", host) {
		if l.name != observer+">"+host {
			l.addCut(by)
		}
	}
}

type link struct {
	name string
	net  *network

	mu      sync.Mutex
	pairs   map[*pair]struct{}
	changed chan struct{}
	cut     int           // faults for which nobody gets through, or can connect
	frozen  int           // faults for which nothing arrives, and nothing breaks
	slow    time.Duration // latency of up to
	onWrite func(near bool) error
}

func (l *link) connect(ctx context.Context, to *listener, from net.Addr) (net.Conn, error) {
	for {
		l.mu.Lock()
		cut, frozen, changed := l.cut > 0, l.frozen > 0, l.changed
		l.mu.Unlock()
		if cut {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH}
		}
		if !frozen {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	p := newPair(l, from, to.addr)
	l.mu.Lock()
	l.pairs[p] = struct{}{}
	l.mu.Unlock()
	select {
	case to.in <- p.far:
		return p.near, nil
	case <-to.done:
		l.forget(p)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	default:
		l.forget(p)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
}

func (l *link) forget(p *pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pairs, p)
}

func (l *link) isFrozen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frozen > 0
}

// latency is at least a bit, so that time passes where it does in the world.
func (l *link) latency() time.Duration {
	l.mu.Lock()
	slow := l.slow
	l.mu.Unlock()
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	d := time.Duration(50+l.net.rand.IntN(400)) * time.Microsecond
	if slow > 0 {
		d += time.Duration(l.net.rand.Int64N(int64(slow)))
	}
	return d
}

// wrote is asked before each write of an end.
func (l *link) wrote(e *end) error {
	l.mu.Lock()
	ask := l.onWrite
	l.mu.Unlock()
	if ask == nil {
		return nil
	}
	return ask(e == e.pair.near)
}

// set changes the link and wakes everything on it.
func (l *link) set(change func(*link)) {
	l.mu.Lock()
	change(l)
	close(l.changed)
	l.changed = make(chan struct{})
	pairs := l.list()
	l.mu.Unlock()
	for _, p := range pairs {
		if p.direct() && l.isFrozen() {
			p.sever()
		}
		p.near.in.poke()
		p.near.out.poke()
	}
}

// list are the connections. mu is held.
func (l *link) list() []*pair {
	var out []*pair
	for p := range l.pairs {
		out = append(out, p)
	}
	return out
}

// sever breaks every connection there is; new ones are fine.
func (l *link) sever() {
	l.mu.Lock()
	pairs := l.list()
	l.mu.Unlock()
	for _, p := range pairs {
		p.sever()
	}
}

func (l *link) addCut(by int) {
	l.set(func(l *link) { l.cut += by })
	if by > 0 {
		l.sever()
	}
}

func (l *link) addFrozen(by int) { l.set(func(l *link) { l.frozen += by }) }

func (l *link) setSlow(d time.Duration) { l.set(func(l *link) { l.slow = d }) }

func (l *link) setOnWrite(f func(near bool) error) { l.set(func(l *link) { l.onWrite = f }) }

// stick holds what is under way on the connections there are, requests or
// answers, for a time: whoever gives up on them and asks again on a new one is
// overtaken later by what he asked before.
func (l *link) stick(d time.Duration, requests, answers bool) {
	l.mu.Lock()
	pairs := l.list()
	l.mu.Unlock()
	until := time.Now().Add(d)
	for _, p := range pairs {
		if p.direct() {
			p.sever()
			continue
		}
		if requests {
			p.near.out.do(func() { p.near.out.held = until })
		}
		if answers {
			p.near.in.do(func() { p.near.in.held = until })
		}
	}
}

// kill takes a host off the network for good: its addresses are free, its
// connections break, and it gets nowhere any more.
func (n *network) kill(host string) {
	n.mu.Lock()
	n.dead[host] = true
	var open []*listener
	for _, l := range n.listeners {
		if l.host == host {
			open = append(open, l)
		}
	}
	n.mu.Unlock()
	for _, l := range open {
		_ = l.Close()
	}
	for _, l := range append(n.between(host, ""), n.between("", host)...) {
		l.addCut(1)
	}
}

// freeze holds all that goes to and from a host, what is begun meanwhile
// included, until it is called with -1.
func (n *network) freeze(host string, by int) {
	n.mu.Lock()
	n.frozen[host] += by
	n.mu.Unlock()
	for _, l := range append(n.between(host, ""), n.between("", host)...) {
		l.addFrozen(by)
	}
}
