package session

import (
	"log/slog"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/stomp"
)

// Action is what the hub must do: one of the types of this file, as a value
// (not a pointer) that owns its memory.
type Action interface{ action() }

// Connect asks to authenticate and admit the client. The hub answers with
// [Session.Accept] or [Session.Fail].
type Connect struct {
	User        string // with Config.LoginIsUser, a legal user id; else empty
	Credentials Credentials
	Version     stomp.Version
	Meta        schema.Meta // of the meta- headers, without that prefix; nil if none
	HeartBeat   HeartBeat
}

// Credentials are what a client proves itself with, in the headers of CONNECT
// or of a refresh. They must reach no event and no log.
type Credentials struct {
	Login, Passcode, Authorization string
}

// String hides the contents.
func (Credentials) String() string { return "(hidden)" }

// LogValue hides the contents.
func (Credentials) LogValue() slog.Value { return slog.StringValue("(hidden)") }

// HeartBeat is what was negotiated; 0 is none.
type HeartBeat struct {
	Send    time.Duration // the server sends something at least this often
	Receive time.Duration // the client does
}

// Subscribe begins a subscription. The receipt is due when its event is
// acknowledged and the snapshot delivered.
type Subscribe struct {
	schema.Subscription
	Receipt string // empty: none asked
}

// Local reports whether the subscription is to a queue of the session itself
// (/user/queue/…): it has no channel and no event.
func (s Subscribe) Local() bool { return s.Channel == "" }

// Unsubscribe ends a subscription.
type Unsubscribe struct {
	schema.Subscription
	Receipt string
}

// Local is as for [Subscribe].
func (u Unsubscribe) Local() bool { return u.Channel == "" }

// Publish sends a message to a channel. The receipt is due when Kafka has it.
type Publish struct {
	Channel     string
	ContentType string // text/plain if the client doesn't say
	Body        []byte // UTF-8
	Receipt     string
}

// Update changes what the client says about itself. The receipt is due when
// the event is acknowledged.
type Update struct {
	Meta    schema.Meta // nil: stays; else all of it
	Status  *string     // nil: stays
	Receipt string
}

// Refresh asks to check a new token. The hub answers with [Session.Renew],
// [Session.Keep] or [Session.Fail]; until then input waits.
type Refresh struct {
	Credentials Credentials
	Receipt     string
}

// Withdraw ends a subscription that a new token doesn't cover.
type Withdraw struct {
	schema.Subscription
}

// Renewed says that the session goes on under a new token and all that it
// doesn't cover is withdrawn. The receipt is due when the log knows.
type Renewed struct {
	Receipt string
}

// Disconnect ends the session as client_disconnect. The receipt is due when
// the event is acknowledged; then the connection closes with 1000.
type Disconnect struct {
	Receipt string
}

// Reply is a frame for the client.
type Reply struct {
	Frame []byte
}

// Fail ends the session for a reason: the connection closes with the frame,
// an ERROR, the code, and the reason as text. At most one, and the last.
type Fail struct {
	Reason schema.Reason
	Code   int
	Retry  Retry
	Detail string // for people
	Frame  []byte
}

func (Connect) action()     {}
func (Subscribe) action()   {}
func (Unsubscribe) action() {}
func (Publish) action()     {}
func (Update) action()      {}
func (Refresh) action()     {}
func (Withdraw) action()    {}
func (Renewed) action()     {}
func (Disconnect) action()  {}
func (Reply) action()       {}
func (Fail) action()        {}
