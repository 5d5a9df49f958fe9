// Package session is the state machine of one STOMP session: bytes in,
// actions out. It knows no socket, no Kafka, no clock and no lock; the hub
// that owns a [Session] serialises the calls and carries the actions out.
//
//	               CONNECT                 Accept                DISCONNECT
//	AwaitingConnect ─────▶ Connecting ──────────────▶ Live ─────────────────▶ Closing
//	      │                     │  (input is parked)   │ ▲│                       ▲
//	      └─────────────────────┼──────────────────────┼─┼┴── bad input, Fail ────┤
//	                            │         a new token  ▼ │ Renew, Keep            │
//	                            └─────────────────── Renewing ────────────────────┘
//
// Connecting lasts while the hub authenticates the user and waits until
// session.connected is acknowledged. A client that doesn't wait for CONNECTED
// is not punished: its frames are kept, up to one frame's limit. Renewing is
// the same while a new token is checked, so that what a client asks for after
// it is judged by it.
//
// Whatever a client sends is answered by an action or ends the session with
// one [Fail] that says what is wrong. In Closing input is ignored.
package session
