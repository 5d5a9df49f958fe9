package schema

// Reason says why a session or a membership ended.
type Reason string

// The reasons of a session's end, and ReasonUnsubscribed of a membership alone.
const (
	ReasonClientDisconnect Reason = "client_disconnect" // DISCONNECT frame
	ReasonClientClose      Reason = "client_close"      // WebSocket close with the client's own code
	ReasonConnectionLost   Reason = "connection_lost"   // the connection broke without a close frame
	ReasonHeartbeatTimeout Reason = "heartbeat_timeout"
	ReasonIdleTimeout      Reason = "idle_timeout"
	ReasonMaxSessionAge    Reason = "max_session_age"
	ReasonTokenExpired     Reason = "token_expired"
	ReasonKicked           Reason = "kicked"
	ReasonSuperseded       Reason = "superseded"
	ReasonPolicyViolation  Reason = "policy_violation"
	ReasonProtocolError    Reason = "protocol_error"
	ReasonTooLarge         Reason = "too_large"
	ReasonSlowConsumer     Reason = "slow_consumer"
	ReasonServerShutdown   Reason = "server_shutdown"
	ReasonEdgeLost         Reason = "edge_lost"
	ReasonUnsubscribed     Reason = "unsubscribed"
)

// Initiator says which side ended a session.
type Initiator string

// The initiators.
const (
	InitiatorClient  Initiator = "client"
	InitiatorServer  Initiator = "server"
	InitiatorNetwork Initiator = "network"
)

// Clean reports whether the end was intended, so that no return is expected
// and the leave is told after --leave-delay-clean. WebSocket close 1001 (tab
// closed or reloaded) is unclean: a reload looks the same as a goodbye.
func (r Reason) Clean(closeCode int) bool {
	switch r {
	case ReasonClientDisconnect, ReasonUnsubscribed, ReasonKicked, ReasonSuperseded,
		ReasonIdleTimeout, ReasonPolicyViolation:
		return true
	case ReasonClientClose:
		return closeCode == 1000
	default:
		return false
	}
}

// Role says how a subscription takes part in its channel.
type Role string

// A member is in the roster, a watcher only sees it.
const (
	RoleMember  Role = "member"
	RoleWatcher Role = "watcher"
)
