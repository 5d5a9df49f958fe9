package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
)

// crowd is everybody who is connected.
type crowd struct {
	users    []*user
	watchers []*watcher
	living   sync.WaitGroup
	// background has connections that are half open.
	background sync.WaitGroup
}

// Rooms have about a dozen members at a time, and two watchers at each edge.
const usersPerRoom = 12

func newCrowd(o Options, rec *recorder, edges []edgeAt) *crowd {
	c := &crowd{}
	rooms := make([]string, max(2, o.Users/usersPerRoom))
	for i := range rooms {
		rooms[i] = fmt.Sprintf("room.%d", i)
	}
	chance := func(i int) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, uint64(i))) }
	for i := range o.Users {
		c.users = append(c.users, &user{name: fmt.Sprintf("user-%d", i), rng: chance(i), rec: rec, edges: edges,
			rooms: []string{rooms[i%len(rooms)], rooms[(i*7+1)%len(rooms)]}, background: &c.background, steady: o.steady})
	}
	for i := range 2 * len(edges) {
		w := &watcher{name: fmt.Sprintf("watcher-%d", i), rng: chance(o.Users + i), rec: rec, edge: edges[i%len(edges)]}
		for j := i / len(edges); j < len(rooms); j += 2 {
			w.channels = append(w.channels, rooms[j])
		}
		for j := range min(10, o.Users) {
			w.channels = append(w.channels, fmt.Sprintf("@user-%d", (i/len(edges)*10+j)%o.Users))
		}
		c.watchers = append(c.watchers, w)
	}
	return c
}

// live begins everybody's life, until the context ends.
func (c *crowd) live(ctx context.Context) {
	for _, u := range c.users {
		c.living.Go(func() { u.run(ctx) })
	}
	for _, w := range c.watchers {
		c.living.Go(func() { w.run(ctx) })
	}
}

// look has a fresh watcher of everything at each edge, for the rosters at rest.
func (c *crowd) look(ctx context.Context, rec *recorder, edges []edgeAt) error {
	for i, at := range edges {
		w := &watcher{name: fmt.Sprintf("inspector-%d", i), rec: rec, edge: at}
		for _, o := range c.watchers {
			if o.edge == at {
				w.channels = append(w.channels, o.channels...)
			}
		}
		if err := w.open(ctx); err != nil {
			return err
		}
		c.watchers = append(c.watchers, w)
	}
	return nil
}

// leave ends every connection that is left. Nobody notes it.
func (c *crowd) leave() {
	for _, u := range c.users {
		for _, t := range u.tabs {
			t.reset()
		}
	}
	for _, w := range c.watchers {
		if w.current != nil {
			w.current.reset()
		}
	}
	c.background.Wait()
}
