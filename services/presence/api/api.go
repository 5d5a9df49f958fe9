package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/problem"
	"rollcall.dev/internal/rest"
)

const (
	title       = "Rollcall presence"
	version     = "1"
	description = "Who is online, where, since when, and commands to their sessions. Any instance answers for all users. " +
		"An answer is stale while its partition has a backlog or does not hear its log; " +
		"while the partition runs nowhere, as when Kafka is away for more than about 6 s, it is 503."
	// atATime is how many requests are handled at a time: it bounds the memory
	// that readers who don't read can hold.
	atATime = 128
)

// api answers for one instance.
type api struct{ *host.Host }

// Mount puts the API and its document on a mux.
func Mount(mux *http.ServeMux, h *host.Host) error { return build(mux, h).Serve() }

func build(mux *http.ServeMux, h *host.Host) *rest.API {
	r := rest.New(mux, title, version, description, atATime)
	a := api{h}
	a.addReads(r)
	a.addCommands(r)
	return r
}

func (a api) addReads(r *rest.API) {
	rest.Add(r, huma.Operation{OperationID: "getUser", Method: http.MethodGet, Path: "/v1/users/{user}",
		Summary:     "A user's status, sessions and channels",
		Description: "A user who was never seen is offline as any other: there is no list of users."},
		a.getUser, http.StatusBadRequest)
	rest.Add(r, huma.Operation{OperationID: "batchGetUsers", Method: http.MethodPost, Path: "/v1/users:batchGet",
		Summary: "The same for up to 1,000 users",
		Description: "Each user is answered once, in the order asked for. It is all or nothing: " +
			"while the partition of one of them has no owner, it is 503.",
		MaxBodyBytes: batchBody},
		a.batchGetUsers, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	rest.Add(r, huma.Operation{OperationID: "listSessions", Method: http.MethodGet, Path: "/v1/users/{user}/sessions",
		Summary: "A user's live sessions"},
		a.listSessions, http.StatusBadRequest)
	rest.Add(r, huma.Operation{OperationID: "getSession", Method: http.MethodGet, Path: "/v1/users/{user}/sessions/{session}",
		Summary: "One live session"},
		a.getSession, http.StatusBadRequest, http.StatusNotFound)
	rest.Add(r, huma.Operation{OperationID: "listEdges", Method: http.MethodGet, Path: "/v1/edges",
		Summary: "The edges, as their heartbeats tell"},
		a.listEdges)
}

func (a api) addCommands(r *rest.API) {
	const unknown = " 202 says that the command is in the log, at that position: the log decides whom it meets. " +
		"Without a session there it does nothing."
	rest.Add(r, huma.Operation{OperationID: "kickUser", Method: http.MethodDelete, Path: "/v1/users/{user}/sessions",
		Summary: "End all sessions of a user", DefaultStatus: http.StatusAccepted,
		Description: "Each ends with the reason kicked." + unknown},
		a.kickUser, http.StatusBadRequest)
	rest.Add(r, huma.Operation{OperationID: "kickSession", Method: http.MethodDelete, Path: "/v1/users/{user}/sessions/{session}",
		Summary: "End one session", DefaultStatus: http.StatusAccepted,
		Description: "It ends with the reason kicked." + unknown},
		a.kickSession, http.StatusBadRequest)
	rest.Add(r, huma.Operation{OperationID: "sendMessage", Method: http.MethodPost, Path: "/v1/users/{user}/messages",
		Summary: "Send a message to all sessions of a user", DefaultStatus: http.StatusAccepted, MaxBodyBytes: messageBody,
		Description: "Those that are subscribed to /user/queue/messages get it." + unknown},
		a.sendMessage, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
}

// running are the tasks, once Kafka and its topics are there.
func (a api) running() (*stream.Service, *problem.Problem) {
	if tasks := a.Tasks(); tasks != nil {
		return tasks, nil
	}
	return nil, problem.Unavailable("Kafka is not reached yet")
}
