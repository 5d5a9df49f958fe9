package api

import (
	"context"
	"fmt"
	"net/http"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/problem"
)

// OfUser is the part of a path that names a user.
type OfUser struct {
	User string `path:"user" maxLength:"128" doc:"1 to 128 bytes of UTF-8 without control characters, percent-encoded"`
}

func (u OfUser) check() *problem.Problem { return checkUser("path.user", u.User) }

func checkUser(location, id string) *problem.Problem {
	if err := schema.CheckUser(id); err != nil {
		return problem.Bad(location, err)
	}
	return nil
}

// OfSession names a session of a user.
type OfSession struct {
	OfUser
	Session string `path:"session" maxLength:"128"`
}

type userAnswer struct{ Body User }

func (a api) getUser(ctx context.Context, in *OfUser) (*userAnswer, *problem.Problem) {
	u, p := a.user(ctx, in)
	if p != nil {
		return nil, p
	}
	return &userAnswer{u}, nil
}

func (a api) user(ctx context.Context, in *OfUser) (User, *problem.Problem) {
	if p := in.check(); p != nil {
		return User{}, p
	}
	found, p := a.lookup(ctx, []string{in.User}, false)
	return found[in.User], p
}

// UserSessions are the live sessions of a user.
type UserSessions struct {
	User string `json:"user"`
	Sessions
	host.Freshness
}

type sessionsAnswer struct{ Body UserSessions }

func (a api) listSessions(ctx context.Context, in *OfUser) (*sessionsAnswer, *problem.Problem) {
	u, p := a.user(ctx, in)
	if p != nil {
		return nil, p
	}
	return &sessionsAnswer{UserSessions{User: u.User, Sessions: u.Sessions, Freshness: u.Freshness}}, nil
}

// UserSession is one live session of a user.
type UserSession struct {
	User string `json:"user"`
	Session
	host.Freshness
}

type sessionAnswer struct{ Body UserSession }

func (a api) getSession(ctx context.Context, in *OfSession) (*sessionAnswer, *problem.Problem) {
	u, p := a.user(ctx, &in.OfUser)
	if p != nil {
		return nil, p
	}
	for _, s := range u.Sessions.Sessions {
		if s.Session == in.Session {
			return &sessionAnswer{UserSession{User: u.User, Session: s, Freshness: u.Freshness}}, nil
		}
	}
	if u.Stale || u.Truncated {
		// It may be there: that it isn't would be a wrong answer.
		return nil, problem.Unavailable("session %.128q isn't known here, and what is here isn't all: as of %s, lag %d",
			in.Session, u.AsOf.Format("15:04:05.000Z07:00"), u.Lag)
	}
	return nil, &problem.Problem{Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound),
		Detail: fmt.Sprintf("%q has no live session %q", in.User, in.Session)}
}
