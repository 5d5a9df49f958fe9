package session

import (
	"time"

	"rollcall.dev/services/edge/stomp"
)

// Config is shared by all sessions of an edge and not modified.
type Config struct {
	Limits stomp.Limits
	// HeartBeat is what the server offers to send and wants to receive in
	// CONNECTED; 0 offers none.
	HeartBeat time.Duration
	// MaxSubscriptions of one session.
	MaxSubscriptions int
	// MaxMeta bounds a session's meta, names and values together, in bytes.
	MaxMeta int
	// Server is the server header of CONNECTED, "name/version".
	Server string
	// LoginIsUser takes the login header for the user, unproven (--auth=none).
	// Without it Connect.User is empty and the hub finds the user by the
	// credentials.
	LoginIsUser bool
}

// DefaultConfig has the limits of the product and trusts nobody.
func DefaultConfig() Config {
	return Config{
		Limits:           stomp.DefaultLimits(),
		HeartBeat:        10 * time.Second,
		MaxSubscriptions: 256,
		MaxMeta:          4 << 10,
		Server:           "rollcall/1",
	}
}
