package app

import (
	"net/http"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/problem"
	"rollcall.dev/services/notifier/fold"
)

// rosterLimit is the most members that an answer names. Its count is exact.
const rosterLimit = 10_000

// api is the API of an instance.
type api struct{ *host.Host }

// mount puts the API on a mux.
func mount(mux *http.ServeMux, h *host.Host) error {
	a := api{h}
	mux.HandleFunc("GET /v1/channels/{channel}", a.getChannel)
	mux.HandleFunc("POST /v1/channels/{channel}/messages", a.postMessage)
	return nil
}

// channelAnswer is what GET /v1/channels/{channel} says.
type channelAnswer struct {
	Channel   string          `json:"channel"`
	Count     int             `json:"count"`
	Truncated bool            `json:"truncated"`
	Members   []schema.Member `json:"members"`
	// Version is the position in channel.events up to which all is in, as
	// subscribers are told it.
	Version schema.Version `json:"version"`
	host.Freshness
}

func (a api) getChannel(w http.ResponseWriter, r *http.Request) {
	channel := r.PathValue("channel")
	if p := checkChannel(channel); p != nil {
		p.Write(w)
		return
	}
	view, notHere := a.View(channel)
	if notHere != nil {
		notHere.Write(w)
		return
	}
	answer := channelAnswer{Channel: channel, Count: fold.Count(view, channel), Members: []schema.Member{},
		Version:   schema.Version{Partition: view.Partition, Offset: view.Position - 1},
		Freshness: host.FreshnessOf(view.Freshness)}
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
