package ws

// Most that an idle connection costs over time is its pings. A goroutine, a
// batch and a deadline for each would be garbage that the heap grows by until
// the next collection, so a ping is written at once if the socket has room.

// pinger writes what fits into a socket and never waits. It is of one
// goroutine, and allocates nothing.
type pinger struct {
	frames []byte
	n      int
	try    func(fd uintptr)
}

func newPinger() *pinger {
	p := new(pinger)
	p.try = p.tryWrite
	return p
}

// write returns how many bytes were written: fewer than all if the socket has
// no room, has failed, or is none. Nobody else may write meanwhile. It takes
// Control and not Write of syscall.RawConn, for that one fails when a deadline
// has passed, and the deadline of the last write has.
func (p *pinger) write(to waiter, frames []byte) int {
	socket, ok := to.(interface{ Control(func(fd uintptr)) error })
	if !ok {
		return 0
	}
	p.frames, p.n = frames, 0
	_ = socket.Control(p.try) // closed: whoever writes next learns of it
	return p.n
}
