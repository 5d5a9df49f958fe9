package schema

// Type is a CloudEvents type with its version.
type Type string

// The event types.
const (
	TypeSessionConnected    Type = "rollcall.session.connected.v1"
	TypeSessionSubscribed   Type = "rollcall.session.subscribed.v1"
	TypeSessionUnsubscribed Type = "rollcall.session.unsubscribed.v1"
	TypeSessionUpdated      Type = "rollcall.session.updated.v1"
	TypeSessionDisconnected Type = "rollcall.session.disconnected.v1"
	TypeSessionCommand      Type = "rollcall.session.command.v1"
	TypeEdgeStarted         Type = "rollcall.edge.started.v1"
	TypeEdgeExpired         Type = "rollcall.edge.expired.v1"
	TypeLeaveDue            Type = "rollcall.leave.due.v1"
	TypeOwnerStarted        Type = "rollcall.owner.started.v1"
	TypePresenceJoined      Type = "rollcall.presence.joined.v1"
	TypePresenceLeft        Type = "rollcall.presence.left.v1"
	TypePresenceUpdated     Type = "rollcall.presence.updated.v1"
	TypeMessagePublished    Type = "rollcall.message.published.v1"
	TypeEdgeInterested      Type = "rollcall.edge.interested.v1"
	TypeEdgeUninterested    Type = "rollcall.edge.uninterested.v1"
)

var registry = map[Type]func() any{
	TypeSessionConnected:    func() any { return new(SessionConnected) },
	TypeSessionSubscribed:   func() any { return new(SessionSubscribed) },
	TypeSessionUnsubscribed: func() any { return new(SessionUnsubscribed) },
	TypeSessionUpdated:      func() any { return new(SessionUpdated) },
	TypeSessionDisconnected: func() any { return new(SessionDisconnected) },
	TypeSessionCommand:      func() any { return new(SessionCommand) },
	TypeEdgeStarted:         func() any { return new(EdgeStarted) },
	TypeEdgeExpired:         func() any { return new(EdgeExpired) },
	TypeLeaveDue:            func() any { return new(LeaveDue) },
	TypeOwnerStarted:        func() any { return new(OwnerStarted) },
	TypePresenceJoined:      func() any { return new(PresenceJoined) },
	TypePresenceLeft:        func() any { return new(PresenceLeft) },
	TypePresenceUpdated:     func() any { return new(PresenceUpdated) },
	TypeMessagePublished:    func() any { return new(MessagePublished) },
	TypeEdgeInterested:      func() any { return new(EdgeInterested) },
	TypeEdgeUninterested:    func() any { return new(EdgeUninterested) },
}

// New returns a pointer to the zero data of a type, nil for an unknown one.
func New(t Type) any {
	if make, ok := registry[t]; ok {
		return make()
	}
	return nil
}

// DedupeExempt reports whether readers must act on an event of this type even
// if its sequence isn't above the watermark of its source: dues don't arrive
// in the order of their causes, and all four are idempotent by cause and epoch.
func (t Type) DedupeExempt() bool {
	switch t {
	case TypeLeaveDue, TypeEdgeExpired, TypeEdgeStarted, TypeOwnerStarted:
		return true
	default:
		return false
	}
}
