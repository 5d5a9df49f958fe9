package bus

import (
	"encoding/binary"
	"errors"
)

var errShort = errors.New("message ends too early")

// cursor reads the primitives of the Kafka protocol from a byte slice. The
// first read past the end sets err, and every read after it returns zero, so
// callers check once.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if c.err != nil || n < 0 || n > len(c.b) {
		if c.err == nil {
			c.err = errShort
		}
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) int8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// str reads a string of 16-bit length; null reads as "".
func (c *cursor) str() string {
	n := c.int16()
	if n < 0 {
		return ""
	}
	return string(c.take(int(n)))
}

// bytes32 reads bytes of 32-bit length; null reads as nil.
func (c *cursor) bytes32() []byte {
	n := c.int32()
	if n < 0 {
		return nil
	}
	return c.take(int(n))
}

// count reads an array's length, refusing one that the rest of the message
// can't hold at elemSize bytes an element. null reads as 0.
func (c *cursor) count(elemSize int) int {
	n := int(c.int32())
	if n <= 0 {
		return 0
	}
	if c.err == nil && n > len(c.b)/elemSize {
		c.err = errShort
	}
	if c.err != nil {
		return 0
	}
	return n
}

// varint reads a zigzag varint, as records use them.
func (c *cursor) varint() int64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.err = errShort
		return 0
	}
	c.b = c.b[n:]
	return v
}

// varbytes reads bytes of varint length; null reads as nil, empty as empty.
func (c *cursor) varbytes() []byte {
	n := c.varint()
	if n < 0 || c.err != nil {
		return nil
	}
	if n > int64(len(c.b)) {
		c.err = errShort
		return nil
	}
	return c.take(int(n))
}
