//go:build !unix

package ws

import "net"

func shortWay(net.Conn) waiter { return nil }

func (in *intake) tryRead(uintptr) bool { return true }

// tryWrite is never called: no waiter here is a socket.
func (p *pinger) tryWrite(uintptr) {}
