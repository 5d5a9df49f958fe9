package session

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/transport"
)

// Retry tells a client whether reconnecting makes sense.
type Retry string

// The hints of an ERROR frame's retry header.
const (
	RetryNow   Retry = "now"   // the server will take it back at once
	RetryLater Retry = "later" // after a while, or after having changed something
	RetryNever Retry = "never" // the same would happen again
)

// Ending is what goes with a reason.
type Ending struct {
	Code      int // WebSocket close code that the server uses; 1006 if it has no one to tell
	Retry     Retry
	Initiator schema.Initiator
}

// endings is the one table of what a session's reason means on the wire.
// Retry is a matter of what the same client would meet again: a kick or a
// broken frame meets the same end, a stale token must be renewed first.
var endings = map[schema.Reason]Ending{
	schema.ReasonClientDisconnect: {transport.CodeNormal, RetryNow, schema.InitiatorClient},
	schema.ReasonClientClose:      {transport.CodeNormal, RetryNow, schema.InitiatorClient},
	schema.ReasonConnectionLost:   {transport.CodeAbnormal, RetryNow, schema.InitiatorNetwork},
	schema.ReasonHeartbeatTimeout: {transport.CodePolicy, RetryNow, schema.InitiatorNetwork},
	schema.ReasonIdleTimeout:      {transport.CodePolicy, RetryLater, schema.InitiatorServer},
	schema.ReasonMaxSessionAge:    {transport.CodePolicy, RetryNow, schema.InitiatorServer},
	schema.ReasonTokenExpired:     {transport.CodePolicy, RetryLater, schema.InitiatorServer},
	schema.ReasonKicked:           {transport.CodePolicy, RetryNever, schema.InitiatorServer},
	schema.ReasonSuperseded:       {transport.CodePolicy, RetryNever, schema.InitiatorServer},
	schema.ReasonPolicyViolation:  {transport.CodePolicy, RetryNever, schema.InitiatorServer},
	schema.ReasonProtocolError:    {transport.CodeProtocol, RetryNever, schema.InitiatorServer},
	schema.ReasonTooLarge:         {transport.CodeTooLarge, RetryNever, schema.InitiatorServer},
	schema.ReasonSlowConsumer:     {transport.CodeSlowConsumer, RetryLater, schema.InitiatorServer},
	schema.ReasonServerShutdown:   {transport.CodeRestart, RetryNow, schema.InitiatorServer},
	schema.ReasonEdgeLost:         {transport.CodeAbnormal, RetryNow, schema.InitiatorNetwork},
}

// EndingOf is what goes with a reason; of one that ends no session, the zero
// value.
func EndingOf(reason schema.Reason) Ending { return endings[reason] }

// ReasonOf is why a session ended that neither side ended in STOMP: nobody
// had called Fail, and no DISCONNECT came.
func ReasonOf(e transport.End) schema.Reason {
	switch e.Cause {
	case transport.Peer:
		return schema.ReasonClientClose
	case transport.Local:
		return schema.ReasonServerShutdown
	default:
		return reasonOf(e.Cause)
	}
}

func reasonOf(c transport.Cause) schema.Reason {
	switch c {
	case transport.Silent:
		return schema.ReasonHeartbeatTimeout
	case transport.TooLarge:
		return schema.ReasonTooLarge
	case transport.Violation:
		return schema.ReasonProtocolError
	case transport.Slow:
		return schema.ReasonSlowConsumer
	default:
		// Lost; and Panic, a defect of ours, which for everybody else is a broken
		// connection: the client may return and is not told as gone before.
		return schema.ReasonConnectionLost
	}
}
