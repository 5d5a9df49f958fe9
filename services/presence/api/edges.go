package api

import (
	"context"

	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/problem"
)

// Edge is an edge as its last heartbeat shows it.
type Edge struct {
	Edge     string `json:"edge"`
	Epoch    int64  `json:"epoch"`
	Sessions int    `json:"sessions"`
	Draining bool   `json:"draining" doc:"it takes no new sessions and sends its own away"`
	Stopped  bool   `json:"stopped" doc:"it has said goodbye"`
	Expired  bool   `json:"expired" doc:"its lease has run out: its sessions have ended as edge_lost"`
	AgeMS    int64  `json:"heartbeat_age_ms" doc:"how long ago its last heartbeat was heard"`
	Backlog  int64  `json:"backlog_ms" doc:"how old the oldest of its events is that isn't in the log, 0 for none"`
	HTTP     string `json:"http,omitempty" doc:"the address that it tells"`
}

// Edges are those heard of lately. The freshness is that of cluster.heartbeat.
type Edges struct {
	Edges []Edge `json:"edges" nullable:"false" doc:"by id"`
	host.Freshness
}

type edgesAnswer struct{ Body Edges }

func (a api) listEdges(context.Context, *struct{}) (*edgesAnswer, *problem.Problem) {
	tasks, p := a.running()
	if p != nil {
		return nil, p
	}
	answer := Edges{Edges: []Edge{}, Freshness: host.FreshnessOf(tasks.HeartbeatLog())}
	if answer.AsOf.IsZero() {
		return nil, problem.Unavailable("no heartbeat was heard yet")
	}
	for _, e := range tasks.Edges() {
		answer.Edges = append(answer.Edges, Edge{Edge: e.Edge, Epoch: e.Epoch, Sessions: e.Sessions, Draining: e.Draining,
			Stopped: e.Stopped, Expired: e.Expired, AgeMS: e.Age.Milliseconds(), Backlog: e.OldestMS, HTTP: e.HTTP})
	}
	return &edgesAnswer{answer}, nil
}
