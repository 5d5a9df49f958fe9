package ws

import (
	"fmt"
	"log/slog"

	"github.com/lxzan/gws"
)

// events passes gws's callbacks on; all run in the goroutine of ReadLoop.
type events struct{}

func of(socket *gws.Conn) *conn { return (*conn)(socket.NetConn().(*wire)) }

func (events) OnOpen(*gws.Conn)               {}
func (events) OnClose(s *gws.Conn, err error) { of(s).readErr = err }
func (events) OnPong(s *gws.Conn, _ []byte)   { of(s).heard() }

func (events) OnPing(s *gws.Conn, payload []byte) {
	c := of(s)
	c.heard()
	c.pong(payload)
}

func (events) OnMessage(s *gws.Conn, m *gws.Message) { of(s).message(m) }

// noStorage is gws's per-connection map, of which nothing is used.
type noStorage struct{}

func (noStorage) Len() int                     { return 0 }
func (noStorage) Load(string) (any, bool)      { return nil, false }
func (noStorage) Delete(string)                {}
func (noStorage) Store(string, any)            {}
func (noStorage) Range(func(string, any) bool) {}

type gwsLogger struct{ *slog.Logger }

func (l gwsLogger) Error(v ...any) { l.Logger.Error("gws", "err", fmt.Sprint(v...)) }
