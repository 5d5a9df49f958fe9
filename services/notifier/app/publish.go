package app

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/problem"
)

// Limits of a message: of its request body in bytes, and of the time until
// Kafka has it.
const (
	messageLimit   = 64 << 10
	publishTimeout = 10 * time.Second
)

// messageRequest is the body of POST /v1/channels/{channel}/messages.
type messageRequest struct {
	User        string `json:"user,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Body        string `json:"body"`
}

// postMessage writes a message into the log. It is answered when Kafka has it,
// with the position where it stands.
func (a api) postMessage(w http.ResponseWriter, r *http.Request) {
	channel := r.PathValue("channel")
	if err := schema.CheckChannel(channel); err != nil {
		problem.Problem{Status: http.StatusBadRequest, Title: "Not a channel", Detail: err.Error()}.Write(w)
		return
	}
	var req messageRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, messageLimit)).Decode(&req); err != nil {
		problem.Problem{Status: http.StatusBadRequest, Title: "Not a message", Detail: err.Error()}.Write(w)
		return
	}
	if req.User != "" && schema.CheckUser(req.User) != nil {
		problem.Problem{Status: http.StatusBadRequest, Title: "Not a user id", Detail: schema.CheckUser(req.User).Error()}.Write(w)
		return
	}
	version, notNow := a.publish(r.Context(), channel, &schema.MessagePublished{
		Channel: channel, User: req.User, ContentType: req.ContentType, Body: req.Body})
	if notNow != nil {
		notNow.Write(w)
		return
	}
	problem.WriteJSON(w, http.StatusAccepted, "application/json", struct {
		Channel string         `json:"channel"`
		Version schema.Version `json:"version"`
	}{channel, version})
}

func (a api) publish(ctx context.Context, channel string, d *schema.MessagePublished) (schema.Version, *problem.Problem) {
	tasks := a.Tasks()
	if tasks == nil {
		return schema.Version{}, problem.Unavailable("Kafka is not reached yet")
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	partition, offset, err := tasks.Append(ctx, schema.TypeMessagePublished, channel, channel, d)
	if err != nil {
		return schema.Version{}, problem.Unavailable("the message may or may not be in the log: %v", err)
	}
	return schema.Version{Partition: partition, Offset: offset}, nil
}
