package ws

import "net"

// An idle connection is a goroutine that waits in Read, and its memory is
// mostly stack. gws's frames and those of net.TCPConn.Read fill 2 KB to the
// brim; with ours between them the stack would be 4 KB. The way by RawConn is
// shorter: it waits for readiness in fewer and smaller frames.

// waiter is the part of syscall.RawConn that is used: it calls f, and again
// whenever the connection may have become readable, until f returns true.
type waiter interface {
	Read(f func(fd uintptr) bool) error
}

// intake is a read under way.
type intake struct {
	waiter waiter
	try    func(fd uintptr) bool
	into   []byte
	n      int
	err    error
}

// begin makes in read from raw, the short way if there is one.
func (in *intake) begin(raw net.Conn) {
	in.try = in.tryRead
	in.waiter = shortWay(raw)
	if in.waiter == nil {
		in.waiter = longWay{raw, in}
	}
}

// result is what the waiter's Read came to.
func (in *intake) result(err error) (int, error) {
	n := in.n
	if err == nil {
		err = in.err
	}
	in.into, in.n, in.err = nil, 0, nil
	return n, err
}

// longWay reads from connections that are no sockets: TLS, pipes in tests.
type longWay struct {
	raw net.Conn
	in  *intake
}

func (l longWay) Read(func(uintptr) bool) error {
	l.in.n, l.in.err = l.raw.Read(l.in.into)
	return nil
}
