package ws

import (
	"encoding/binary"
	"net"
	"time"
)

// wire is a conn as gws sees it: a net.Conn whose bytes in are guarded. After
// the upgrade gws writes nothing but its close frame, and then closes: both
// are taken as its verdict on what it read, and the conn acts on that.
type wire conn

func (w *wire) Read(p []byte) (int, error) {
	if w.bad != nil {
		return 0, w.bad
	}
	n, err := w.raw.Read(p)
	if w.srv.unguarded {
		return n, err
	}
	if sound, bad := w.guard.scan(p[:n]); bad != nil {
		w.bad = bad
		if sound == 0 {
			return 0, bad
		}
		return sound, nil
	}
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	if !w.upgraded {
		return w.raw.Write(p)
	}
	const closeFrame = 0x80 | byte(opClose)
	if len(p) >= 2 && p[0] == closeFrame {
		w.verdict = 0 // a close frame without a code is answered alike
		if len(p) >= 4 {
			w.verdict = binary.BigEndian.Uint16(p[2:])
		}
	}
	return len(p), nil
}

func (w *wire) Close() error {
	if !w.upgraded {
		return w.raw.Close()
	}
	return nil
}

func (w *wire) LocalAddr() net.Addr                { return w.raw.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr               { return w.raw.RemoteAddr() }
func (w *wire) SetDeadline(t time.Time) error      { return w.raw.SetDeadline(t) }
func (w *wire) SetReadDeadline(t time.Time) error  { return w.raw.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.raw.SetWriteDeadline(t) }
