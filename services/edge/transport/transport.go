// Package transport is the seam between a session and the socket that carries
// it. WebSocket ([rollcall.dev/services/edge/ws]) and SockJS
// ([rollcall.dev/services/edge/sockjs]) are its implementations, and package
// transporttest is what both must pass; what stands here says nothing of
// WebSocket but its close codes, which every transport must be able to tell.
package transport

import (
	"errors"
	"time"
)

// Errors of Send and SendShared.
var (
	// ErrSlow: the queue has no room for this message. The queue is unharmed;
	// the caller decides between leaving it out and closing as slow_consumer.
	ErrSlow = errors.New("transport: outbound queue is full")
	// ErrClosed: the connection is ending or has ended.
	ErrClosed = errors.New("transport: connection is closed")
)

// Conn is one connection as a session sees it. All methods are safe for
// concurrent use and never block.
type Conn interface {
	// Send queues one whole message. The bytes are copied.
	Send(frame []byte) error
	// SendShared queues the message head+tail. The head is copied; the tail may
	// be kept until it is written, for many connections at once, and must never
	// be modified.
	SendShared(head, tail []byte) error
	// Close ends the connection: what is queued, then last (the ERROR frame,
	// say; exempt from the queue's bound, kept by reference, may be nil), then
	// the close frame. With slow_consumer's code 1013 what is queued is dropped
	// instead. It takes a bounded time also when the peer doesn't read. Only the
	// first call counts.
	Close(code int, reason string, last []byte)
	// KeepAlive ends the time limit for the first request (a connection that
	// doesn't CONNECT) and begins that of silence. With heartBeats the peer is
	// also sent EOL heart-beats, beside what the transport has of its own.
	KeepAlive(heartBeats bool)
	// RemoteAddr is the peer's address, host:port.
	RemoteAddr() string
	// Protocol names the transport for the log: "websocket",
	// "sockjs-xhr-streaming". It stays the same.
	Protocol() string
	// Stats counts what went through so far.
	Stats() Stats
}

// Stats counts messages and their payload in bytes.
type Stats struct {
	MessagesIn, MessagesOut uint64
	BytesIn, BytesOut       uint64
}

// Handler is told what happens on one connection. Calls for one connection
// never overlap.
type Handler interface {
	// Data is one message. p may be modified, and is only valid during the
	// call. A call that blocks stalls the reading of this connection alone.
	Data(p []byte)
	// Fault says that the transport is about to end the connection, and why,
	// while something can still be sent: the handler may Close with an ERROR
	// frame. If it doesn't, the transport closes with the fault's code. At most
	// one call; not for what leaves nobody to talk to (Lost, Peer).
	Fault(f Fault)
	// Closed is the last call, exactly one: the connection is gone and holds no
	// resources.
	Closed(e End)
}

// Cause is what ended a connection.
type Cause uint8

// The causes.
const (
	Local     Cause = iota // our own Close
	Peer                   // the peer's close frame
	Lost                   // end of stream or a broken connection, without a close frame
	Silent                 // nothing came in time
	TooLarge               // a message over the limit: 1009
	Violation              // the transport's protocol was broken: 1002, or 1007 for text that is no UTF-8
	Slow                   // a write took longer than its deadline
	Panic                  // a defect of ours: 1011
)

var causeNames = [...]string{"local", "peer", "lost", "silent", "too_large", "violation", "slow", "panic"}

// String is the cause's name for logs.
func (c Cause) String() string {
	if int(c) < len(causeNames) {
		return causeNames[c]
	}
	return "unknown"
}

// Fault is a reason for which the transport ends the connection.
type Fault struct {
	Cause Cause
	Code  int // WebSocket close code it will use
	Err   error
}

// End is how a connection ended.
type End struct {
	Cause Cause
	// Code is the close code: the peer's own (1005 if its frame had none), ours
	// if we closed, 1006 if the connection was lost.
	Code int
	// Clean: both sides' close frames were exchanged.
	Clean bool
	// Err is what was seen, for logs. May be nil.
	Err error
}

// Close codes of RFC 6455 and its registry that are used here.
const (
	CodeNormal       = 1000
	CodeProtocol     = 1002
	CodeNoStatus     = 1005
	CodeAbnormal     = 1006
	CodeInvalidText  = 1007
	CodePolicy       = 1008
	CodeTooLarge     = 1009
	CodeInternal     = 1011
	CodeRestart      = 1012
	CodeSlowConsumer = 1013
)

// DefaultHeartBeat is how often a server pings, and a peer is heard of.
const DefaultHeartBeat = 10 * time.Second
