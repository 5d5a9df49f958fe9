package ws_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/transport/transporttest"
	"rollcall.dev/services/edge/ws"
)

func TestConformance(t *testing.T) {
	transporttest.Run(t, transporttest.Kind{Protocol: "websocket", LostWithin: time.Second,
		Start: func(t *testing.T, o transporttest.Options, accept func(transport.Conn) transport.Handler) transporttest.Server {
			s := ws.New(ws.Options{ReadLimit: o.ReadLimit, QueueBytes: o.QueueBytes, PingInterval: o.PingInterval, ConnectTimeout: o.ConnectTimeout,
				WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout, StopTimeout: o.Stop,
				Accept: func(_ *http.Request, c transport.Conn) transport.Handler { return accept(c) }})
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(s)
			t.Cleanup(front.Close)
			return transporttest.Server{Stop: s.Stop, Len: s.Len, Dial: func(t *testing.T) transporttest.Client { return dialBare(t, front.URL) }}
		}})
}

// bare is a client of WebSocket without anything on top.
type bare struct {
	ctx context.Context
	ws  *websocket.Conn
}

func dialBare(t *testing.T, url string) *bare {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadLimit(-1)
	t.Cleanup(func() { _ = c.CloseNow() })
	return &bare{ctx, c}
}

func (b *bare) Send(message string) error {
	return b.ws.Write(b.ctx, websocket.MessageText, []byte(message))
}

func (b *bare) Receive() (string, *transporttest.End) {
	_, p, err := b.ws.Read(b.ctx)
	if err == nil {
		return string(p), nil
	}
	if e, ok := errors.AsType[websocket.CloseError](err); ok {
		return "", &transporttest.End{Code: int(e.Code), Reason: e.Reason}
	}
	return "", &transporttest.End{}
}

func (b *bare) Vanish() { _ = b.ws.CloseNow() }
