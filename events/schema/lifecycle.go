package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Ref names a session and the edge epoch that holds it. It is embedded in the
// data of every session event.
type Ref struct {
	Session string `json:"session"`
	User    string `json:"user"`
	Edge    string `json:"edge"`
	Epoch   int64  `json:"epoch"`
}

func (r Ref) check() error {
	if err := checkID("session", r.Session); err != nil {
		return err
	}
	if err := checkEdge(r.Edge); err != nil {
		return err
	}
	return CheckUser(r.User)
}

// Meta is what a client says about itself, shown to the others in a channel.
// Where it isn't left out, none is {} and never null: clients look into it.
type Meta map[string]string

// MarshalJSON implements json.Marshaler.
func (m Meta) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, '"'), key)
		b = appendText(append(b, ':', '"'), m[key])
	}
	return append(b, '}'), nil
}

// SessionConnected begins a session. With Reannounced it repeats a live one
// under a newer epoch, or for readers of the log alone, and replaces all that
// was known of it, subscriptions included.
type SessionConnected struct {
	Ref
	// Protocol is the STOMP version and the transport, "stomp/1.2+websocket",
	// "stomp/1.2+sockjs-xhr-streaming".
	Protocol   string `json:"protocol,omitempty"`
	RemoteAddr string `json:"remote_addr,omitempty"`
	UserAgent  string `json:"user_agent,omitempty"`
	Meta       Meta   `json:"meta,omitempty"`
	Status     string `json:"status,omitempty"`
	// Claims are those of the token that readers of the log may need.
	Claims    map[string]any `json:"claims,omitempty"`
	ExpiresAt Time           `json:"expires_at,omitzero"`
	// ConnectedAt is when the session began; with Reannounced, before the event.
	ConnectedAt      Time           `json:"connected_at,omitzero"`
	MailboxPartition int32          `json:"mailbox_partition"`
	Reannounced      bool           `json:"reannounced,omitempty"`
	Subscriptions    []Subscription `json:"subscriptions,omitempty"`
}

// Subscription is one of a session. ID is the client's own, unique within the
// session.
type Subscription struct {
	ID          string `json:"subscription"`
	Destination string `json:"destination"`
	Channel     string `json:"channel"`
	Role        Role   `json:"role"`
}

func (s Subscription) check() error {
	if err := checkPlace(s.Channel); err != nil {
		return err
	}
	switch {
	case s.Role != RoleMember && s.Role != RoleWatcher:
		return errors.New("role is neither member nor watcher")
	case s.Role == RoleMember && IsPersonal(s.Channel):
		return errors.New("nobody joins a personal channel by subscription")
	}
	return nil
}

func (d *SessionConnected) check() error {
	for _, s := range d.Subscriptions {
		if err := s.check(); err != nil {
			return err
		}
	}
	return errors.Join(d.Ref.check(), checkMailbox(d.MailboxPartition))
}

// SessionSubscribed adds a subscription to a session.
type SessionSubscribed struct {
	Ref
	Subscription
}

func (d *SessionSubscribed) check() error {
	return errors.Join(d.Ref.check(), d.Subscription.check())
}

// SessionUnsubscribed takes a subscription from a session.
type SessionUnsubscribed struct {
	Ref
	Subscription
}

func (d *SessionUnsubscribed) check() error {
	return errors.Join(d.Ref.check(), d.Subscription.check())
}

// SessionUpdated replaces a session's meta and status.
type SessionUpdated struct {
	Ref
	Meta   Meta   `json:"meta,omitempty"`
	Status string `json:"status,omitempty"`
}

// SessionDisconnected ends a session, unless its epoch is below that of the
// session's newest SessionConnected: while a task wrote the end of a lost edge's
// session, the edge may have come back and announced it again.
type SessionDisconnected struct {
	Ref
	Reason    Reason    `json:"reason"`
	Initiator Initiator `json:"initiator"`
	// CloseCode is the WebSocket close code (RFC 6455 section 7.4), 1006 where
	// no close frame came; 0 where unknown (edge_lost).
	CloseCode int `json:"close_code,omitempty"`
	// Clean: the end was intended, no return is expected.
	Clean      bool  `json:"clean"`
	DurationMS int64 `json:"duration_ms,omitempty"`
	FramesIn   int64 `json:"frames_in,omitempty"`
	FramesOut  int64 `json:"frames_out,omitempty"`
	BytesIn    int64 `json:"bytes_in,omitempty"`
	BytesOut   int64 `json:"bytes_out,omitempty"`
	// Note is what whoever disconnected the session by hand said of it.
	Note string `json:"note,omitempty"`
}

func (d *SessionDisconnected) check() error {
	if d.Reason == "" {
		return errors.New("reason is missing")
	}
	return d.Ref.check()
}

// Action of a SessionCommand.
type Action string

// The actions.
const (
	ActionKick    Action = "kick"
	ActionMessage Action = "message"
)

// SessionCommand comes from the HTTP API and meets every session that its user
// has at that point of the log, or the one named.
type SessionCommand struct {
	User    string `json:"user"`
	Session string `json:"session,omitempty"`
	Action  Action `json:"action"`
	Note    string `json:"note,omitempty"`
	// IdempotencyKey makes repeats of one command harmless.
	IdempotencyKey string `json:"idempotency_key,omitempty"`
	ContentType    string `json:"content_type,omitempty"`
	Body           string `json:"body,omitempty"`
}

func (d *SessionCommand) check() error {
	if d.Action != ActionKick && d.Action != ActionMessage {
		return errors.New("action is neither kick nor message")
	}
	return CheckUser(d.User)
}

// EdgeStarted says that older epochs of an edge hold no session any more. It
// stands in every partition of session.lifecycle and channel.events.
type EdgeStarted struct {
	Edge  string `json:"edge"`
	Epoch int64  `json:"epoch"`
}

func (d *EdgeStarted) check() error { return checkEdge(d.Edge) }

// EdgeExpired says that the lease of an edge's epoch, and so of all older
// ones, ran out. It is written to a partition by that partition's task.
type EdgeExpired struct {
	Edge       string `json:"edge"`
	Epoch      int64  `json:"epoch"`
	OwnerEpoch int64  `json:"owner_epoch"`
	// LogStart is set in a repeat, where the log begins with it: the edge wasn't
	// heard of since, and nothing need be known of it any more.
	LogStart int64 `json:"log_start,omitempty"`
}

func (d *EdgeExpired) check() error { return checkEdge(d.Edge) }

// LeaveDue says that a wait is over: the delay of a hold, or the time for which
// it is kept when an offline user was last seen, which is as long as the log
// goes back. Cause is the offset, in the same partition, of the event that began
// the wait.
type LeaveDue struct {
	User string `json:"user"`
	// Session is the one that holds, or was the last; empty in channel.events,
	// where sessions aren't known.
	Session    string `json:"session,omitempty"`
	Cause      int64  `json:"cause"`
	OwnerEpoch int64  `json:"owner_epoch"`
}

func (d *LeaveDue) check() error {
	if len(d.Session) > MaxSessionLen {
		return checkID("session", d.Session)
	}
	return CheckUser(d.User)
}

// OwnerStarted is what an owner appends to its input partition first. Its
// offset is the owner epoch. Settings that the fold needs enter the log here.
type OwnerStarted struct {
	Owner string `json:"owner"`
	// Claim is unique to one take-over, so that an owner knows its own record.
	Claim       string `json:"claim"`
	FoldVersion int    `json:"fold_version"`
	Delays      Delays `json:"delays,omitzero"`
}

func (d *OwnerStarted) check() error {
	if len(d.Owner) > MaxEdgeLen {
		return checkText("owner", d.Owner, MaxEdgeLen)
	}
	return checkText("claim", d.Claim, MaxEdgeLen)
}

// Delays of a leave after a session's end, in milliseconds.
type Delays struct {
	UncleanMS int64 `json:"unclean_ms"`
	DrainMS   int64 `json:"drain_ms"`
	CleanMS   int64 `json:"clean_ms"`
}

func checkEdge(edge string) error { return checkText("edge", edge, MaxEdgeLen) }

func checkID(what, id string) error { return checkText(what, id, MaxSessionLen) }

// checkText bounds what stands in keys of state: a record that no changelog can
// hold must not get that far.
func checkText(what, text string, longest int) error {
	if text == "" {
		return fmt.Errorf("%s is missing", what)
	}
	if len(text) > longest {
		return fmt.Errorf("%s has %d bytes, at most %d are allowed", what, len(text), longest)
	}
	return nil
}
