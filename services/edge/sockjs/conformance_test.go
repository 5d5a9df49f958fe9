package sockjs

import (
	"cmp"
	"net/http"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/transport/transporttest"
	"rollcall.dev/services/edge/ws"
)

func TestConformance(t *testing.T) {
	const delay = 2 * time.Second
	for path, k := range map[string]transporttest.Kind{
		"websocket":     {Protocol: "sockjs-websocket", LostWithin: time.Second},
		"xhr_streaming": {Protocol: "sockjs-xhr-streaming", LostWithin: time.Second},
		"eventsource":   {Protocol: "sockjs-eventsource", LostWithin: time.Second},
		"xhr":           {Protocol: "sockjs-xhr-polling", LostWithin: delay + time.Second},
	} {
		k.Start = func(t *testing.T, o transporttest.Options, accept func(transport.Conn) transport.Handler) transporttest.Server {
			f := serve(t, Options{DisconnectDelay: delay, Options: ws.Options{ReadLimit: o.ReadLimit, QueueBytes: o.QueueBytes,
				PingInterval: o.PingInterval, ConnectTimeout: o.ConnectTimeout, WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout,
				StopTimeout: cmp.Or(o.Stop, 300*time.Millisecond), Accept: func(_ *http.Request, c transport.Conn) transport.Handler { return accept(c) }}})
			return transporttest.Server{Stop: f.Stop, Len: f.Len, Dial: func(t *testing.T) transporttest.Client {
				if path == "websocket" {
					return dialSocket(t, f.url)
				}
				return dialHTTP(t, f.url, path)
			}}
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			transporttest.Run(t, k)
		})
	}
}
