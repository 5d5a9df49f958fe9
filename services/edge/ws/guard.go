package ws

import "errors"

// errFrameLength is what a peer gets for a length that RFC 6455 (5.2) doesn't
// allow: "the most significant bit MUST be 0".
var errFrameLength = errors.New("frame length has its most significant bit set")

// guard follows the frames in a stream of bytes as far as their lengths go.
// gws takes a 64-bit length for an int, and with the top bit set panics.
type guard struct {
	skip   uint64 // bytes until the next frame's header
	header [10]byte
	have   uint8
}

// scan looks at the next bytes of the stream. It returns how many of them lie
// before the first frame that is bad, which is all if none is.
func (g *guard) scan(p []byte) (sound int, err error) {
	for i := 0; i < len(p); {
		if g.skip > 0 {
			n := min(g.skip, uint64(len(p)-i))
			g.skip -= n
			i += int(n)
			continue
		}
		if g.have == 0 {
			sound = i
		}
		g.header[g.have] = p[i]
		g.have++
		i++
		if length, whole := g.length(); whole {
			if length>>63 != 0 {
				return sound, errFrameLength
			}
			g.skip, g.have = length, 0
			if masked := g.header[1]&0x80 != 0; masked {
				g.skip += 4
			}
		}
	}
	return len(p), nil
}

// length is that of the payload, if the header is there as far as it.
func (g *guard) length() (n uint64, whole bool) {
	if g.have < 2 {
		return 0, false
	}
	var extended uint8
	switch code := g.header[1] & 0x7f; code {
	case 126:
		extended = 2
	case 127:
		extended = 8
	default:
		return uint64(code), true
	}
	if g.have < 2+extended {
		return 0, false
	}
	for _, b := range g.header[2 : 2+extended] {
		n = n<<8 | uint64(b)
	}
	return n, true
}
