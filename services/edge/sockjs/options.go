package sockjs

import (
	"cmp"
	"time"

	"rollcall.dev/services/edge/ws"
)

// DefaultPath is below what the edge serves SockJS.
const DefaultPath = "/sockjs"

// Options of a [Server]. Those of package ws mean the same here; a ping is a
// heart-beat frame.
type Options struct {
	ws.Options

	// DisconnectDelay is how long a client may be without a receiving request
	// until it counts as lost; default 5 s, as in other servers.
	DisconnectDelay time.Duration
	// ResponseLimit is how many bytes a streaming response may grow to until the
	// client has to ask anew: browsers keep all of it; default 128 KiB.
	ResponseLimit int
	// BodyLimit is how many bytes one xhr_send may have; default 4 MiB. It is
	// read message by message.
	BodyLimit int64
	// MaxSessions bounds the sessions over HTTP; default 20,000. Beyond it new
	// ones get 503.
	MaxSessions int
}

func (o Options) withDefaults() Options {
	o.Options = o.Options.WithDefaults()
	o.DisconnectDelay = cmp.Or(o.DisconnectDelay, 5*time.Second)
	o.ResponseLimit = cmp.Or(o.ResponseLimit, 128<<10)
	o.BodyLimit = cmp.Or(o.BodyLimit, 4<<20)
	o.MaxSessions = cmp.Or(o.MaxSessions, 20_000)
	return o
}

// holdTime is how long a receiving request may last: then its client has to
// show that it lives, so early that one that doesn't is lost within ReadTimeout.
func (o Options) holdTime() time.Duration {
	return max(o.ReadTimeout-o.DisconnectDelay, o.ReadTimeout/2)
}
