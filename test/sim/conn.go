package sim

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// windowBytes is what a connection holds of what its peer hasn't read.
const windowBytes = 256 << 10

// stream is one direction of a connection: bytes on their way, in order.
type stream struct {
	link *link

	mu     sync.Mutex
	direct bool          // of a group's connection
	void   bool          // what is written after a reset is lost, and the writer doesn't hear of it
	wake   chan struct{} // closed and made anew whenever something changes
	chunks []chunk
	size   int
	held   time.Time // nothing arrives before: the connection is stuck
	fin    bool      // the writer has closed: the end comes after the chunks
	reset  bool      // nothing comes any more, and nobody reads
}

type chunk struct {
	data []byte
	at   time.Time // when it arrives
}

func newStream(l *link) *stream { return &stream{link: l, wake: make(chan struct{})} }

// changed wakes who waits. mu is held.
func (s *stream) changed() {
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *stream) poke() { s.mu.Lock(); s.changed(); s.mu.Unlock() }

// do changes the stream's state.
func (s *stream) do(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.changed()
}

// read returns bytes, an error, or how long and for what to wait.
func (s *stream) read(b []byte) (n int, wake chan struct{}, wait time.Duration, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.direct && now.Before(s.held) {
		return 0, s.wake, s.held.Sub(now), nil
	}
	if s.reset {
		return 0, nil, 0, syscall.ECONNRESET
	}
	if s.link.isFrozen() {
		return 0, s.wake, 0, nil
	}
	if now.Before(s.held) {
		return 0, s.wake, s.held.Sub(now), nil
	}
	if len(s.chunks) == 0 {
		if s.fin {
			return 0, nil, 0, io.EOF
		}
		return 0, s.wake, 0, nil
	}
	c := &s.chunks[0]
	if now.Before(c.at) {
		return 0, s.wake, c.at.Sub(now), nil
	}
	n = copy(b, c.data)
	if c.data = c.data[n:]; len(c.data) == 0 {
		s.chunks = s.chunks[1:]
	}
	s.size -= n
	s.changed()
	return n, nil, 0, nil
}

func (s *stream) write(b []byte) (n int, wake chan struct{}, err error) {
	delay := s.link.latency()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct {
		delay = 0
	}
	if s.void && s.reset {
		return len(b), nil, nil
	}
	if s.reset || s.fin {
		return 0, nil, syscall.EPIPE
	}
	if s.size >= windowBytes {
		return 0, s.wake, nil
	}
	at := time.Now().Add(delay)
	if k := len(s.chunks); k > 0 && at.Before(s.chunks[k-1].at) {
		at = s.chunks[k-1].at
	}
	s.chunks = append(s.chunks, chunk{append([]byte(nil), b...), at})
	s.size += len(b)
	s.changed()
	return len(b), nil, nil
}

// end is one end of a connection.
type end struct {
	pair          *pair
	in, out       *stream
	local, remote net.Addr

	mu        sync.Mutex
	closed    bool
	done      chan struct{}
	deadlines [2]time.Time // of reading and writing
	moved     chan struct{}
}

// pair is a connection: dialed by near, accepted by far.
type pair struct {
	link      *link
	near, far *end
}

func newPair(l *link, from, to net.Addr) *pair {
	up, down := newStream(l), newStream(l)
	p := &pair{link: l}
	p.near = &end{pair: p, in: down, out: up, local: from, remote: to, done: make(chan struct{}), moved: make(chan struct{})}
	p.far = &end{pair: p, in: up, out: down, local: to, remote: from, done: make(chan struct{}), moved: make(chan struct{})}
	return p
}

// closed forgets the connection once both ends are: what one has sent may
// still be on its way to the other.
func (p *pair) closed() {
	for _, e := range []*end{p.near, p.far} {
		if closed, _, _ := e.state(0); !closed {
			return
		}
	}
	p.link.forget(p)
}

// sever resets both directions, as a cut cable does once somebody notices.
func (p *pair) sever() {
	p.linger()
	for _, s := range []*stream{p.near.in, p.near.out} {
		s.do(func() { s.reset, s.chunks, s.size = true, nil, 0 })
	}
}

// joinGroup is the key of a request that only a group's connection carries.
const joinGroup = 11

// look finds connections of consumer groups by what they ask. kafka-go waits
// for their answers behind a mutex, and in a bubble no time passes while
// somebody waits for one: so what is on them arrives at once, and where others
// would stand still they break.
func (p *pair) look(b []byte) {
	if len(b) < 6 || b[4] != 0 || b[5] != joinGroup {
		return
	}
	for _, s := range []*stream{p.near.in, p.near.out} {
		s.do(func() { s.direct = true })
	}
	p.near.in.do(func() { p.near.in.void = true })
	if p.link.isFrozen() {
		p.sever()
	}
}

// lingering is longer than a history.
const lingering = time.Hour

// linger has Kafka not hear of the end of a group's connection: kfake never
// times out a member whose JoinGroup it can't answer, as Kafka does.
func (p *pair) linger() {
	p.near.out.do(func() {
		if p.near.out.direct && p.near.out.held.IsZero() {
			p.near.out.held = time.Now().Add(lingering)
		}
	})
}

func (p *pair) direct() bool {
	p.near.out.mu.Lock()
	defer p.near.out.mu.Unlock()
	return p.near.out.direct
}

func (e *end) state(which int) (closed bool, deadline time.Time, moved chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed, e.deadlines[which], e.moved
}

func (e *end) Read(b []byte) (int, error) {
	return e.try(0, func() (int, chan struct{}, time.Duration, error) { return e.in.read(b) })
}

func (e *end) Write(b []byte) (int, error) {
	e.pair.look(b)
	if err := e.pair.link.wrote(e); err != nil {
		return 0, err
	}
	return e.try(1, func() (int, chan struct{}, time.Duration, error) {
		n, wake, err := e.out.write(b)
		return n, wake, 0, err
	})
}

// try repeats an operation until it is done, the deadline passes or the end is
// closed.
func (e *end) try(which int, do func() (int, chan struct{}, time.Duration, error)) (int, error) {
	for {
		closed, deadline, moved := e.state(which)
		if closed {
			return 0, net.ErrClosed
		}
		if !deadline.IsZero() && !time.Now().Before(deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		n, wake, wait, err := do()
		if wake == nil {
			return n, err
		}
		if !deadline.IsZero() {
			if left := time.Until(deadline); wait == 0 || left < wait {
				wait = left
			}
		}
		e.await(wake, moved, wait)
	}
}

func (e *end) await(wake, moved chan struct{}, wait time.Duration) {
	var timeout <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-wake:
	case <-moved:
	case <-e.done:
	case <-timeout:
	}
}

// Close ends writing in order, so that the peer reads all and then the end;
// what it still sends is for nobody.
func (e *end) Close() error {
	e.mu.Lock()
	was := e.closed
	e.closed = true
	if !was {
		close(e.done)
	}
	e.mu.Unlock()
	if was {
		return nil
	}
	if e == e.pair.near {
		e.pair.linger()
	}
	e.out.do(func() { e.out.fin = true })
	e.in.do(func() { e.in.reset, e.in.chunks, e.in.size = true, nil, 0 })
	e.pair.closed()
	return nil
}

func (e *end) set(t time.Time, which ...int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range which {
		e.deadlines[w] = t
	}
	close(e.moved)
	e.moved = make(chan struct{})
	return nil
}

func (e *end) SetDeadline(t time.Time) error      { return e.set(t, 0, 1) }
func (e *end) SetReadDeadline(t time.Time) error  { return e.set(t, 0) }
func (e *end) SetWriteDeadline(t time.Time) error { return e.set(t, 1) }
func (e *end) LocalAddr() net.Addr                { return e.local }
func (e *end) RemoteAddr() net.Addr               { return e.remote }
