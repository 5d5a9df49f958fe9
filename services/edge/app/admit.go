package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/session"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
	"rollcall.dev/services/edge/ws"
)

// retryAfter is told to those who come at the wrong moment.
const retryAfter = 5 * time.Second

// admit refuses clients before the upgrade while their sessions couldn't be
// told to Kafka.
func (a *App) admit(*http.Request) *ws.Refusal {
	if err := a.readiness.err(a); err != nil {
		a.refused.Inc()
		return &ws.Refusal{Status: http.StatusServiceUnavailable, RetryAfter: retryAfter, Text: err.Error()}
	}
	return nil
}

func (a *App) accept(r *http.Request, c transport.Conn) transport.Handler {
	return a.hub.Open(c, r.UserAgent(), a.auth.FromRequest(r))
}

// unsupported is the ERROR frame for a client that offers no subprotocol of
// STOMP. Which version it reads isn't known: the frame holds nothing that they
// escape differently.
func unsupported(offered []string) []byte {
	const reason = schema.ReasonProtocolError
	body := fmt.Sprintf("none of the subprotocols offered (%.200q) is supported: use %s, or none",
		strings.Join(offered, ", "), strings.Join(ws.Subprotocols, ", "))
	return stomp.AppendFrame(nil, stomp.V10, stomp.Error, []byte(body),
		"message", string(reason), "retry", string(session.EndingOf(reason).Retry), "content-type", "text/plain")
}

// deadLetterTimeout bounds how long a dead letter waits for room.
const deadLetterTimeout = time.Second

// deadLetter keeps what can't be decoded for people.
func (a *App) deadLetter(rec bus.Record, reason error) {
	a.letters.Inc()
	a.o.Logger.Error("record can't be handled", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "reason", reason)
	letter := schema.DeadLetter{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Error: reason.Error(),
		Service: "edge", At: schema.At(time.Now()), Key: rec.Key, Value: rec.Value}.Bounded()
	value, err := json.Marshal(letter)
	if err != nil {
		a.o.Logger.Error("dead letter can't be written", "reason", err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadLetterTimeout)
	defer cancel()
	err = a.producer.Publish(ctx, bus.Record{Topic: a.topics.DeadLetter(), Partition: bus.AnyPartition, Key: letter.Key, Value: value}, nil)
	if err != nil {
		a.o.Logger.Error("dead letter can't be written", "reason", err)
	}
}

// quiet is for what net/http says of its clients.
func quiet(l *slog.Logger) *log.Logger { return slog.NewLogLogger(l.Handler(), slog.LevelDebug) }
