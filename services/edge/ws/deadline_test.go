package ws

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// expiring counts the reads that a deadline ended.
type expiring struct {
	net.Conn
	expired atomic.Int32
}

func (e *expiring) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e.expired.Add(1)
	}
	return n, err
}

// Moving the deadline is no work for the reader, whose stack would double for
// it and stay so: a peer that answers pings never lets one pass.
func TestAnIdleReaderMeetsNoDeadline(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, f *fixture) {
		here, there := net.Pipe()
		server := &expiring{Conn: there}
		go func() {
			in := bufio.NewReader(server)
			if r, err := http.ReadRequest(in); err == nil {
				f.ServeHTTP(pipeWriter{httptest.NewRecorder(), server, in}, r)
			}
		}()
		p := f.shake(here, "", "")
		for start := time.Now(); time.Since(start) < 5*time.Minute; {
			first, _, err := p.next()
			if err != nil || first != fin|byte(opPing) {
				t.Fatalf("after %v: %x %v", time.Since(start), first, err)
			}
			p.send(fin|byte(opPong), "")
		}
		if n := server.expired.Load(); n != 0 {
			t.Errorf("%d deadlines passed", n)
		}
	})
}
