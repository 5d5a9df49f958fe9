package ws

import (
	"encoding/binary"
	"net"
	"sync"
)

// opcode of a WebSocket frame.
type opcode byte

const (
	opText  opcode = 1
	opClose opcode = 8
	opPing  opcode = 9
	opPong  opcode = 10
)

const (
	// copyBelow is the size up to which a shared tail is copied rather than
	// written from where it is: one write is cheaper than a writev of two.
	copyBelow = 1 << 10
	// keepBelow is the capacity up to which a batch's memory is used again.
	keepBelow = 16 << 10
	// maxHeader is the largest header of a server's frame.
	maxHeader = 10
)

// batch is what is written at once: frames, copied or by reference.
type batch struct {
	bufs net.Buffers
	own  []byte
	from int // own[from:] isn't in bufs yet
	size int
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// message adds a frame with the payload head+tail; of the tail a reference
// may be kept.
func (b *batch) message(op opcode, head, tail []byte) {
	n := len(head) + len(tail)
	before := len(b.own)
	b.own = appendHeader(b.own, op, n)
	b.own = append(b.own, head...)
	if len(tail) < copyBelow {
		b.own = append(b.own, tail...)
		b.size += len(b.own) - before
		return
	}
	b.size += len(b.own) - before + len(tail)
	b.cut()
	b.bufs = append(b.bufs, tail)
}

// raw adds bytes that are frames already.
func (b *batch) raw(frames []byte) {
	b.own = append(b.own, frames...)
	b.size += len(frames)
}

// cut ends the present piece of own bytes. (A later growth of own moves it,
// but leaves the old memory to the pieces.)
func (b *batch) cut() {
	if len(b.own) > b.from {
		b.bufs = append(b.bufs, b.own[b.from:len(b.own):len(b.own)])
		b.from = len(b.own)
	}
}

func (b *batch) writeTo(c net.Conn) error {
	b.cut()
	if len(b.bufs) == 1 {
		_, err := c.Write(b.bufs[0])
		return err
	}
	bufs := b.bufs // WriteTo eats its receiver
	_, err := bufs.WriteTo(c)
	return err
}

// free gives the batch back; its holder must forget it.
func (b *batch) free() {
	b.reset()
	batches.Put(b)
}

func (b *batch) reset() {
	clear(b.bufs[:cap(b.bufs)])
	if cap(b.own) > keepBelow || cap(b.bufs) > 64 {
		*b = batch{}
	}
	b.bufs, b.own, b.from, b.size = b.bufs[:0], b.own[:0], 0, 0
}

// appendHeader appends the header of a whole, unmasked frame of n bytes.
func appendHeader(dst []byte, op opcode, n int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
}
