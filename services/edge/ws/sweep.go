package ws

import (
	"context"
	"time"
)

// ping is a WebSocket ping without payload, as the server sends it, and beat
// the same with a text message behind it that holds a STOMP heart-beat.
var (
	ping = []byte{0x80 | byte(opPing), 0}
	beat = []byte{0x80 | byte(opPing), 0, 0x80 | byte(opText), 1, '\n'}
)

// sweep pings every connection once in nine tenths of the interval, which is
// what a peer that counts the interval strictly needs, until ctx ends.
func (s *Server) sweep(ctx context.Context) {
	p := newPinger()
	s.stood.seen.Store(int64(time.Since(s.epoch))) // it may have begun long ago
	ticker := time.NewTicker(max(s.options.PingInterval*9/10/buckets, time.Millisecond))
	defer ticker.Stop()
	for turn := 0; ; turn = (turn + 1) % buckets {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.stood.sweeps(time.Since(s.epoch))
			s.sweepBucket(p, &s.all[turn])
		}
	}
}

func (s *Server) sweepBucket(p *pinger, b *bucket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		c.beat(p)
	}
}

// beat keeps the connection alive, once its session asked for it.
func (c *conn) beat(p *pinger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keepAlive || c.phase != open {
		return
	}
	c.extend()
	frames := ping
	if c.heartBeats {
		frames = c.srv.beat
	}
	if !c.writing { // and so nothing waits
		frames = frames[p.write(c.in.waiter, frames):]
	}
	if len(frames) > 0 {
		c.control(frames)
	}
}
