package process

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// Ports below those that the system gives to outgoing connections (Linux: from
// 32768), or else one that is free now may be taken before it is listened on.
const firstPort, lastPort = 10_000, 32_000

var given sync.Map // ports that this process has given out

// FreeAddr is an address of the loopback whose port is free, and of nobody
// else in this process.
func FreeAddr() (string, error) {
	for range 1000 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", errors.New("no free port")
}
