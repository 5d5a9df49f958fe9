package api

import (
	"context"
	"fmt"
	"sync"

	"rollcall.dev/events/stream"
	"rollcall.dev/internal/problem"
)

// lookup finds users, each once: those of partitions that run here in their
// state, the others by asking the instances that own theirs. A question that was
// forwarded already isn't forwarded again. The first problem is that of all.
func (a api) lookup(ctx context.Context, ids []string, forwarded bool) (map[string]User, *problem.Problem) {
	tasks, p := a.running()
	if p != nil {
		return nil, p
	}
	found := make(map[string]User, len(ids))
	elsewhere := map[string]*question{}
	views := map[int32]stream.View{}
	b := budget(answerBytes)
	for _, id := range ids {
		partition := tasks.PartitionOf(id)
		view, here := views[partition]
		if !here {
			var owner *stream.Peer
			if view, owner, p = a.Owner(tasks, partition); p != nil {
				return nil, p
			}
			if owner != nil {
				if forwarded {
					return nil, problem.Unavailable("partition %d isn't here any more, %s owns it", partition, owner.Instance)
				}
				ask(elsewhere, owner, id)
				continue
			}
			views[partition] = view
		}
		found[id] = userOf(view, id, &b)
	}
	return found, a.askAll(ctx, elsewhere, found)
}

// question is what one instance is asked.
type question struct {
	to     *stream.Peer
	users  []string
	answer Batch
	failed *problem.Problem
}

func ask(elsewhere map[string]*question, owner *stream.Peer, id string) {
	q := elsewhere[owner.HTTP]
	if q == nil {
		q = &question{to: owner}
		elsewhere[owner.HTTP] = q
	}
	q.users = append(q.users, id)
}

// askAll asks the instances side by side and adds their answers to those found.
func (a api) askAll(ctx context.Context, questions map[string]*question, found map[string]User) *problem.Problem {
	var all sync.WaitGroup
	for _, q := range questions {
		all.Go(func() {
			q.failed = a.Ask(ctx, q.to, "/v1/users:batchGet", batchBodyOf(q.users), &q.answer)
		})
	}
	all.Wait()
	for _, q := range questions {
		if q.failed != nil {
			return q.failed
		}
		for _, u := range q.answer.Users {
			found[u.User] = u
		}
		for _, id := range q.users {
			if _, ok := found[id]; !ok {
				return problem.Unavailable("%s", fmt.Sprintf("%s left out %q", q.to.Instance, id))
			}
		}
	}
	return nil
}
