package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/problem"
)

const (
	// messageBody bounds the request of a message, and maxMessage the message
	// as JSON: an edge drops what doesn't fit into a connection's queue.
	messageBody = 64 << 10
	maxMessage  = 120 << 10
	// appendTimeout is how long Kafka may take to have a command.
	appendTimeout = 10 * time.Second
)

// Once is the key that makes repeats of a command harmless.
type Once struct {
	Key string `header:"Idempotency-Key" maxLength:"128" pattern:"^[!-~]*$" doc:"A command of a user and key is carried out once, however often it is sent, also when its user has returned since. A key stands for one command: another one under it isn't carried out. A partition knows its newest 1,024 keys."`
}

// Note is why a session is ended.
type Note struct {
	Note string `query:"note" maxLength:"256" doc:"why, in words: for the client and the log"`
}

func (n Note) check() *problem.Problem {
	return checkText("query.note", n.Note)
}

func checkText(location, text string) *problem.Problem {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return problem.Bad(location, fmt.Errorf("%.100q is no UTF-8 text without control characters", text))
	}
	return nil
}

// Command is a command that is in the log.
type Command struct {
	User      string `json:"user"`
	Session   string `json:"session,omitempty" doc:"the one it is for; without, all that the user has at that point of the log"`
	Action    string `json:"action" enum:"kick,message"`
	Partition int32  `json:"partition" doc:"where it stands in session.lifecycle"`
	Offset    int64  `json:"offset" doc:"where it stands in the partition"`
}

type commandAnswer struct{ Body Command }

type kickUser struct {
	OfUser
	Note
	Once
}

func (a api) kickUser(ctx context.Context, in *kickUser) (*commandAnswer, *problem.Problem) {
	return a.kick(ctx, in.OfUser, "", in.Note, in.Once)
}

type kickSession struct {
	OfSession
	Note
	Once
}

func (a api) kickSession(ctx context.Context, in *kickSession) (*commandAnswer, *problem.Problem) {
	if p := checkText("path.session", in.Session); p != nil {
		return nil, p
	}
	return a.kick(ctx, in.OfUser, in.Session, in.Note, in.Once)
}

func (a api) kick(ctx context.Context, of OfUser, session string, note Note, once Once) (*commandAnswer, *problem.Problem) {
	if p := of.check(); p != nil {
		return nil, p
	}
	if p := note.check(); p != nil {
		return nil, p
	}
	return a.command(ctx, schema.SessionCommand{User: of.User, Session: session, Action: schema.ActionKick,
		Note: note.Note, IdempotencyKey: once.Key})
}

type message struct {
	OfUser
	Once
	Body Message
}

// Message is what the sessions get.
type Message struct {
	_           struct{} `additionalProperties:"false"`
	Body        string   `json:"body" doc:"text"`
	ContentType string   `json:"content_type,omitempty" maxLength:"128" pattern:"^[ -~]*$" doc:"of the body"`
}

func (a api) sendMessage(ctx context.Context, in *message) (*commandAnswer, *problem.Problem) {
	if p := in.check(); p != nil {
		return nil, p
	}
	d := schema.SessionCommand{User: in.User, Action: schema.ActionMessage, IdempotencyKey: in.Key,
		ContentType: in.Body.ContentType, Body: in.Body.Body}
	if encoded, err := schema.Marshal(&d); err != nil || len(encoded) > maxMessage {
		return nil, &problem.Problem{Status: http.StatusRequestEntityTooLarge, Title: http.StatusText(http.StatusRequestEntityTooLarge),
			Detail: fmt.Sprintf("the message has %d bytes as JSON, at most %d are allowed", len(encoded), maxMessage)}
	}
	return a.command(ctx, d)
}

// command appends a command to the log, and returns once Kafka has it.
func (a api) command(ctx context.Context, d schema.SessionCommand) (*commandAnswer, *problem.Problem) {
	tasks, p := a.running()
	if p != nil {
		return nil, p
	}
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	partition, offset, err := tasks.Append(ctx, schema.TypeSessionCommand, d.User, d.User, &d)
	if err != nil {
		return nil, problem.Unavailable("the command may or may not be in the log, repeat it with the same Idempotency-Key: %v", err)
	}
	return &commandAnswer{Command{User: d.User, Session: d.Session, Action: string(d.Action), Partition: partition, Offset: offset}}, nil
}
