package api

import (
	"context"
	"fmt"

	"rollcall.dev/events/schema"
	"rollcall.dev/internal/problem"
)

// batchBody bounds a request for users: 1,000 ids of 128 bytes, each of which
// JSON may write as six.
const batchBody = 1 << 20

type batchRequest struct {
	Forwarded string `header:"Rollcall-Forwarded" hidden:"true"`
	Body      BatchGet
}

// BatchGet asks for users.
type BatchGet struct {
	_     struct{} `additionalProperties:"false"`
	Users []string `json:"users" nullable:"false" minItems:"1" maxItems:"1000" doc:"user ids; repeats are answered once"`
}

func batchBodyOf(users []string) BatchGet { return BatchGet{Users: users} }

// Batch is what is known of several users. How fresh that is stands with each;
// here stands the worst of it.
type Batch struct {
	Users []User      `json:"users" nullable:"false" doc:"in the order asked for, each once"`
	AsOf  schema.Time `json:"as_of" format:"date-time" doc:"the oldest as_of of the users"`
	Lag   int64       `json:"lag" doc:"the largest lag of the users"`
	Stale bool        `json:"stale" doc:"one of the users, or more, is stale"`
}

type batchAnswer struct{ Body Batch }

func (a api) batchGetUsers(ctx context.Context, in *batchRequest) (*batchAnswer, *problem.Problem) {
	var ids []string
	asked := map[string]bool{}
	for i, id := range in.Body.Users {
		if p := checkUser(fmt.Sprintf("body.users[%d]", i), id); p != nil {
			return nil, p
		}
		if !asked[id] {
			asked[id] = true
			ids = append(ids, id)
		}
	}
	found, p := a.lookup(ctx, ids, in.Forwarded != "")
	if p != nil {
		return nil, p
	}
	batch := Batch{Users: make([]User, len(ids))}
	for i, id := range ids {
		u := found[id]
		batch.Users[i] = u
		if i == 0 || u.AsOf.Before(batch.AsOf.Time) {
			batch.AsOf = u.AsOf
		}
		batch.Lag = max(batch.Lag, u.Lag)
		batch.Stale = batch.Stale || u.Stale
	}
	return &batchAnswer{batch}, nil
}
