package app

import (
	"net/http"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/internal/problem"
	"rollcall.dev/services/notifier/fold"
)

// rosterLimit is the most members that an answer names. Its count is exact.
const rosterLimit = 10_000

// mount puts the API on a mux.
func (a *App) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /v1/channels/{channel}", a.getChannel)
	mux.HandleFunc("POST /v1/channels/{channel}/messages", a.postMessage)
}

// freshness says how much of the log an answer knows.
type freshness struct {
	AsOf schema.Time `json:"as_of"`
	// Version is the position in channel.events up to which all is in.
	Version schema.Version `json:"version"`
	Lag     int64          `json:"lag"`
	Stale   bool           `json:"stale"`
}

// channelAnswer is what GET /v1/channels/{channel} says.
type channelAnswer struct {
	Channel   string          `json:"channel"`
	Count     int             `json:"count"`
	Truncated bool            `json:"truncated"`
	Members   []schema.Member `json:"members"`
	freshness
}

func (a *App) getChannel(w http.ResponseWriter, r *http.Request) {
	channel := r.PathValue("channel")
	if p := checkChannel(channel); p != nil {
		p.Write(w)
		return
	}
	view, notHere := a.view(channel)
	if notHere != nil {
		notHere.Write(w)
		return
	}
	answer := channelAnswer{Channel: channel, Count: fold.Count(view, channel), Members: []schema.Member{},
		freshness: freshness{AsOf: schema.At(view.Fresh), Lag: view.Lag, Stale: view.Stale,
			Version: schema.Version{Partition: view.Partition, Offset: view.Position - 1}}}
	for member := range fold.Roster(view, channel) {
		if len(answer.Members) == rosterLimit {
			answer.Truncated = true
			break
		}
		answer.Members = append(answer.Members, member)
	}
	problem.WriteJSON(w, http.StatusOK, "application/json", answer)
}

// checkChannel lets operators name personal channels too.
func checkChannel(channel string) *problem.Problem {
	err := schema.CheckChannel(channel)
	if schema.IsPersonal(channel) {
		err = schema.CheckUser(channel[len(schema.PersonalPrefix):])
	}
	if err == nil {
		return nil
	}
	return &problem.Problem{Status: http.StatusBadRequest, Title: "Not a channel", Detail: err.Error()}
}

// view is the state of the partition that a key belongs to, if it is here.
func (a *App) view(key string) (stream.View, *problem.Problem) {
	tasks := a.tasks.Load()
	if tasks == nil {
		return stream.View{}, problem.Unavailable("Kafka is not reached yet")
	}
	partition := tasks.PartitionOf(key)
	if view, ok := tasks.View(partition); ok {
		return view, nil
	}
	if owner, ok := tasks.OwnerOf(partition); ok && owner.Instance != a.o.Instance {
		return stream.View{}, problem.Unavailable("partition %d is owned by %s at %s: ask there",
			partition, owner.Instance, owner.HTTP)
	}
	return stream.View{}, problem.Unavailable("partition %d is %s here", partition, tasks.State(partition))
}
