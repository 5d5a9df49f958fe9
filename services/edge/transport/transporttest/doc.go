// Package transporttest is what every implementation of package transport must
// pass: what a session relies on, whatever carries it. An implementation says
// how its server is made and how a client of it speaks; [Run] does the rest.
package transporttest

import (
	"context"
	"testing"
	"time"

	"rollcall.dev/services/edge/transport"
)

// Options are the limits that a test asks for. Zero: the implementation's own.
type Options struct {
	ReadLimit, QueueBytes                            int
	PingInterval                                     time.Duration
	ConnectTimeout, WriteTimeout, CloseTimeout, Stop time.Duration
}

// Server is one that was started.
type Server struct {
	// Dial connects a client.
	Dial func(t *testing.T) Client
	Stop func(ctx context.Context) error
	Len  func() int
}

// Client is one as its application sees it: messages, not frames.
type Client interface {
	// Send sends one message. It may fail if the connection is ending.
	Send(message string) error
	// Receive returns the next message. At the end of the connection it returns
	// the server's code and reason instead, or code 0 if none was told.
	Receive() (message string, end *End)
	// Vanish breaks the connection without a word.
	Vanish()
}

// End is how a client sees the end.
type End struct {
	Code   int
	Reason string
}

// Kind is one implementation.
type Kind struct {
	// Protocol is what Conn.Protocol says.
	Protocol string
	// Start starts a server that makes handlers with accept.
	Start func(t *testing.T, o Options, accept func(c transport.Conn) transport.Handler) Server
	// LostWithin bounds how long a client that vanished counts as there.
	LostWithin time.Duration
}

// limit bounds each wait.
const limit = 10 * time.Second

// Run runs the suite.
func Run(t *testing.T, k Kind) {
	for name, test := range map[string]func(*testing.T, Kind){
		"Echo": testEcho, "Shared": testShared, "Order": testOrder, "Facts": testFacts,
		"Close": testClose, "CloseSlow": testCloseSlow, "Full": testFull, "TooLarge": testTooLarge,
		"Silent": testSilent, "HeartBeats": testHeartBeats, "NoHeartBeats": testNoHeartBeats,
		"Vanished": testVanished, "Panic": testPanic, "Stop": testStop, "Refused": testRefused,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}
