package api

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/services/presence/fold"
)

// The statuses of a user. One whose return is waited for is online.
const (
	online  = "online"
	offline = "offline"
)

// User is what is known of a user.
type User struct {
	User     string      `json:"user"`
	Status   string      `json:"status" enum:"online,offline" doc:"of a user whose return is waited for, online"`
	Since    schema.Time `json:"since,omitzero" format:"date-time" doc:"since when the user is online"`
	LastSeen schema.Time `json:"last_seen,omitzero" format:"date-time" doc:"when a user who is offline was online last, for as long as the log goes back"`
	Sessions
	Channels []string `json:"channels" nullable:"false" doc:"where the user is a member, sorted"`
	host.Freshness
}

// Sessions are live ones.
type Sessions struct {
	Sessions  []Session `json:"sessions" nullable:"false" doc:"live sessions, by id"`
	Count     int       `json:"session_count" doc:"how many there are, exact also where not all are named"`
	Truncated bool      `json:"truncated" doc:"not all sessions or channels are named: the answer would be too large"`
}

// Session is a live session.
type Session struct {
	Session       string         `json:"session"`
	Edge          string         `json:"edge"`
	ConnectedAt   schema.Time    `json:"connected_at,omitzero" format:"date-time"`
	Protocol      string         `json:"protocol,omitempty"`
	UserAgent     string         `json:"user_agent,omitempty"`
	Meta          schema.Meta    `json:"meta,omitempty"`
	Status        string         `json:"status,omitempty"`
	Subscriptions []Subscription `json:"subscriptions" nullable:"false" doc:"by channel"`
}

// Subscription is one of a session.
type Subscription struct {
	ID          string `json:"subscription"`
	Destination string `json:"destination"`
	Channel     string `json:"channel"`
	Role        string `json:"role" enum:"member,watcher"`
}

// answerBytes bounds what an answer, or an instance's part of one, holds of
// sessions and channels: thousands of ordinary users fit, and one who does what
// a client can do to grow doesn't grow the answer.
const answerBytes = 8 << 20

// budget is what an answer may still grow, in bytes.
type budget int

// take reports whether there is room for n bytes, and takes it.
func (b *budget) take(n int) bool {
	if *b < budget(n) {
		return false
	}
	*b -= budget(n)
	return true
}

// userOf reads a user from a state, as much as the budget has room for.
func userOf(view stream.View, id string, b *budget) User {
	u := User{User: id, Status: offline, Channels: []string{}, Freshness: host.FreshnessOf(view.Freshness)}
	if m, ok := fold.Online(view, id); ok {
		u.Status, u.Since = online, m.Since
	} else if seen, ok := fold.LastSeen(view, id); ok {
		u.LastSeen = seen.LastSeen
	}
	u.Sessions = sessionsOf(view, id, b)
	for _, m := range fold.Memberships(view, id) {
		switch {
		case schema.IsPersonal(m.Channel):
		case b.take(len(m.Channel) + perItem):
			u.Channels = append(u.Channels, m.Channel)
		default:
			u.Truncated = true
		}
	}
	return u
}

func sessionsOf(view stream.View, user string, b *budget) Sessions {
	s := Sessions{Sessions: []Session{}}
	for _, live := range fold.Sessions(view, user) {
		s.Count++
		if b.take(sizeOf(live)) {
			s.Sessions = append(s.Sessions, sessionOf(live))
		} else {
			s.Truncated = true
		}
	}
	return s
}

func sessionOf(s *fold.Session) Session {
	answer := Session{Session: s.ID, Edge: s.Edge, ConnectedAt: s.ConnectedAt, Protocol: s.Protocol,
		UserAgent: s.UserAgent, Meta: s.Meta, Status: s.Status, Subscriptions: []Subscription{}}
	for _, sub := range s.Subscriptions {
		answer.Subscriptions = append(answer.Subscriptions,
			Subscription{ID: sub.ID, Destination: sub.Destination, Channel: sub.Channel, Role: string(sub.Role)})
	}
	return answer
}

// What JSON adds to the texts, about: to a session, and to a part of one.
const (
	perSession = 200
	perItem    = 80
)

func sizeOf(s *fold.Session) int {
	n := perSession + len(s.ID) + len(s.Edge) + len(s.Protocol) + len(s.UserAgent) + len(s.Status)
	for name, value := range s.Meta {
		n += perItem + len(name) + len(value)
	}
	for _, sub := range s.Subscriptions {
		n += perItem + len(sub.ID) + len(sub.Destination) + len(sub.Channel)
	}
	return n
}
