package app

import (
	"net/http"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/problem"
	"rollcall.dev/services/presence/fold"
)

// api is the API of an instance.
type api struct{ *host.Host }

// mount puts the API on a mux.
func mount(mux *http.ServeMux, h *host.Host) {
	mux.HandleFunc("GET /v1/users/{user}", api{h}.getUser)
}

// freshness says how much of the log an answer knows.
type freshness struct {
	AsOf      schema.Time `json:"as_of"`
	Partition int32       `json:"partition"`
	// Position is the offset in session.lifecycle up to which all is in.
	Position int64 `json:"position"`
	Lag      int64 `json:"lag"`
	Stale    bool  `json:"stale"`
}

func freshnessOf(view stream.View) freshness {
	return freshness{AsOf: schema.At(view.Fresh), Partition: view.Partition,
		Position: view.Position, Lag: view.Lag, Stale: view.Stale}
}

// userAnswer is what GET /v1/users/{user} says.
type userAnswer struct {
	User string `json:"user"`
	// Status is online or offline; of one whose return is waited for, online.
	Status   string          `json:"status"`
	Since    schema.Time     `json:"since,omitzero"`
	Sessions []sessionAnswer `json:"sessions"`
	Channels []string        `json:"channels"`
	freshness
}

type sessionAnswer struct {
	Session       string                `json:"session"`
	Edge          string                `json:"edge"`
	ConnectedAt   schema.Time           `json:"connected_at,omitzero"`
	Protocol      string                `json:"protocol,omitempty"`
	UserAgent     string                `json:"user_agent,omitempty"`
	Meta          schema.Meta           `json:"meta,omitempty"`
	Status        string                `json:"status,omitempty"`
	Subscriptions []schema.Subscription `json:"subscriptions"`
}

func (a api) getUser(w http.ResponseWriter, r *http.Request) {
	user := r.PathValue("user")
	if err := schema.CheckUser(user); err != nil {
		problem.Problem{Status: http.StatusBadRequest, Title: "Not a user id", Detail: err.Error()}.Write(w)
		return
	}
	view, notHere := a.View(user)
	if notHere != nil {
		notHere.Write(w)
		return
	}
	answer := userAnswer{User: user, Status: "offline", Sessions: []sessionAnswer{}, Channels: []string{},
		freshness: freshnessOf(view)}
	if online, ok := fold.Online(view, user); ok {
		answer.Status, answer.Since = "online", online.Since
	}
	for _, s := range fold.Sessions(view, user) {
		answer.Sessions = append(answer.Sessions, sessionAnswer{Session: s.ID, Edge: s.Edge, ConnectedAt: s.ConnectedAt,
			Protocol: s.Protocol, UserAgent: s.UserAgent, Meta: s.Meta, Status: s.Status,
			Subscriptions: append([]schema.Subscription{}, s.Subscriptions...)})
	}
	for _, m := range fold.Memberships(view, user) {
		if !schema.IsPersonal(m.Channel) {
			answer.Channels = append(answer.Channels, m.Channel)
		}
	}
	problem.WriteJSON(w, http.StatusOK, "application/json", answer)
}
