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

// Read is on the stack of every idle connection: what isn't needed while
// waiting stands in functions of its own.
func (w *wire) Read(p []byte) (int, error) {
	for {
		w.in.into = p
		n, err, again := w.got(p, w.in.waiter.Read(w.in.try))
		if !again {
			return n, err
		}
	}
}

func (w *wire) got(p []byte, err error) (n int, _ error, again bool) {
	n, err = w.in.result(err)
	if err != nil {
		return n, err, (*conn)(w).patient(err)
	}
	n, err = w.inspect(p[:n])
	return n, err, false
}

// inspect passes on what lies before a bad frame, and an error instead of that.
func (w *wire) inspect(p []byte) (int, error) {
	if w.srv.unguarded {
		return len(p), nil
	}
	if w.bad != nil {
		return 0, w.bad
	}
	sound, err := w.guard.scan(p)
	w.bad = err
	if sound > 0 {
		return sound, nil
	}
	return 0, err
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
