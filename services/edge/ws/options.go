package ws

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"rollcall.dev/services/edge/transport"
)

// DefaultPath is where the edge serves WebSocket.
const DefaultPath = "/ws"

// Options of a [Server]. Zero values are the defaults; Accept is needed.
type Options struct {
	// AllowedOrigins are the origins of web pages that may connect
	// ("https://chat.example.com", "https://*.example.com", "*" for all).
	// Empty: pages of the host that is connected to. Who sends no Origin is no
	// browser and is not checked.
	AllowedOrigins []string
	// ReadLimit is the size of a message in bytes; default 64 KiB.
	ReadLimit int
	// QueueBytes bounds what waits to be written to one connection, frame
	// headers included; default 256 KiB.
	QueueBytes int

	// PingInterval is how often a peer is pinged, and sent heart-beats if it
	// wants any: somewhat more often, to be in time; default 10 s.
	PingInterval time.Duration
	// ReadTimeout is how long a peer may be silent; default 2.25 times
	// PingInterval, so that two pings went unanswered.
	ReadTimeout time.Duration
	// ConnectTimeout is how long a peer may take until KeepAlive is called;
	// default 10 s.
	ConnectTimeout time.Duration
	// WriteTimeout is how long one write may stall; default 10 s.
	WriteTimeout time.Duration
	// CloseTimeout is how long a closing connection may take; default 5 s.
	CloseTimeout time.Duration
	// StopTimeout is how much of the time that Stop has its connections may
	// take; then they are cut off. Default: CloseTimeout.
	StopTimeout time.Duration

	// Envelope is what messages are sent in. Nil: each is a WebSocket message.
	Envelope *Envelope

	Logger *slog.Logger

	// Admit may refuse a client before all else (full, draining). Nil, or a
	// nil result: admitted.
	Admit func(r *http.Request) *Refusal
	// Unsupported makes the last message for a client that offers other
	// subprotocols only: it gets a WebSocket without any, this message and the
	// close code 1002. Nil: the close alone.
	Unsupported func(offered []string) []byte
	// Accept makes the handler of a new connection. It must not keep r; c can
	// be used from now on. Nil refuses the connection with 1011.
	Accept func(r *http.Request, c transport.Conn) transport.Handler
}

// Refusal is an HTTP answer instead of an upgrade.
type Refusal struct {
	Status     int
	RetryAfter time.Duration // 0: no such header
	Text       string
}

// WithDefaults fills in what is zero.
func (o Options) WithDefaults() Options {
	o.ReadLimit = cmp.Or(o.ReadLimit, 64<<10)
	o.QueueBytes = cmp.Or(o.QueueBytes, 256<<10)
	o.PingInterval = cmp.Or(o.PingInterval, transport.DefaultHeartBeat)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, o.PingInterval*9/4)
	o.ConnectTimeout = cmp.Or(o.ConnectTimeout, 10*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.CloseTimeout = cmp.Or(o.CloseTimeout, 5*time.Second)
	o.StopTimeout = cmp.Or(o.StopTimeout, o.CloseTimeout)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
