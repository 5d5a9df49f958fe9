//go:build unix

package ws

import (
	"io"
	"net"
	"syscall"
)

// shortWay is there for TCP sockets.
func shortWay(raw net.Conn) waiter {
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return nil
	}
	short, err := tcp.SyscallConn()
	if err != nil {
		return nil // closed already: the long way says so
	}
	return short
}

// tryRead reads what is there, and returns false if nothing is. An empty
// buffer isn't read into: that would look like the end.
func (in *intake) tryRead(fd uintptr) bool {
	if len(in.into) == 0 {
		return true
	}
	for {
		n, err := syscall.Read(int(fd), in.into)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil:
			in.err = &net.OpError{Op: "read", Net: "tcp", Err: err}
			return true
		case n == 0:
			in.err = io.EOF
			return true
		default:
			in.n = n
			return true
		}
	}
}

// tryWrite writes what the socket has room for. What is wrong with it shows
// when the rest is written in the ordinary way.
func (p *pinger) tryWrite(fd uintptr) {
	for {
		n, err := syscall.Write(int(fd), p.frames)
		if err == nil {
			p.n = n
		}
		if err != syscall.EINTR {
			return
		}
	}
}
