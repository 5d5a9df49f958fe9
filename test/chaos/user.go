package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"rollcall.dev/events/schema"
)

// user is somebody who comes and goes, by chance. One goroutine is theirs.
type user struct {
	name   string
	rng    *rand.Rand
	rec    *recorder
	edges  []edgeAt
	rooms  []string // that this user goes to
	tabs   []*tab
	opened int
	said   int
	// background has what outlives a tab.
	background *sync.WaitGroup
	steady     bool
}

// tab is one session of a user.
type tab struct {
	*client
	subs []subscription
}

// run lives the user's life until the context ends; then the tabs stay open.
func (u *user) run(ctx context.Context) {
	for ctx.Err() == nil {
		u.tabs = slices.DeleteFunc(u.tabs, func(t *tab) bool {
			if t.alive() {
				return false
			}
			t.free()
			return true
		})
		if len(u.tabs) == 0 {
			if u.open(ctx) != nil {
				u.pause(ctx, 300*time.Millisecond, 1500*time.Millisecond)
			}
			continue
		}
		if !u.wait(ctx) {
			u.pause(ctx, 200*time.Millisecond, 1500*time.Millisecond) // as stock clients do
			continue
		}
		if !u.steady {
			u.act(ctx)
		}
	}
}

// wait passes time with the first tab; false if that has ended.
func (u *user) wait(ctx context.Context) bool {
	if len(u.tabs) == 0 {
		return false
	}
	select {
	case <-u.tabs[0].done:
		return false
	case <-ctx.Done():
	case <-time.After(u.between(time.Second, 7*time.Second)):
	}
	return true
}

func (u *user) between(from, to time.Duration) time.Duration {
	return from + time.Duration(u.rng.Int64N(int64(to-from)))
}

func (u *user) pause(ctx context.Context, from, to time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(u.between(from, to)):
	}
}

// open begins a session at one of the edges and joins a room or two.
func (u *user) open(ctx context.Context) error {
	u.opened++
	at := u.edges[u.rng.IntN(len(u.edges))]
	meta := schema.Meta{"tab": fmt.Sprint(u.opened)}
	c, err := dial(ctx, u.rec, fmt.Sprintf("%s.%d", u.name, u.opened), u.name, at, meta)
	if err != nil {
		return err
	}
	t := &tab{client: c}
	u.tabs = append(u.tabs, t)
	u.join(ctx, t, u.rooms[0])
	if u.steady || u.rng.IntN(2) == 0 {
		u.join(ctx, t, u.rooms[1])
	}
	return nil
}

func (u *user) join(ctx context.Context, t *tab, room string) {
	s, err := t.subscribe(ctx, room, schema.RoleMember)
	if err == nil || t.alive() {
		t.subs = append(t.subs, s)
	}
}

// act does one thing, with the chances that are written here.
func (u *user) act(ctx context.Context) {
	t := u.tabs[u.rng.IntN(len(u.tabs))]
	switch dice := u.rng.IntN(100); {
	case dice < 20:
		u.say(ctx, t)
	case dice < 30:
		u.unsubscribe(ctx, t)
	case dice < 38:
		u.secondTab(ctx)
	case dice < 52:
		u.back(ctx, t, func() { t.close(websocket.StatusGoingAway) }) // a reload
	case dice < 58:
		u.back(ctx, t, t.reset)
	case dice < 70:
		u.away(ctx, t, t.disconnect)
	case dice < 78:
		u.away(ctx, t, func() { t.close(websocket.StatusGoingAway) })
	case dice < 81:
		u.away(ctx, t, func() { t.close(websocket.StatusNormalClosure) })
	case dice < 91:
		u.away(ctx, t, t.reset)
	case dice < 95:
		u.away(ctx, t, func() { u.vanish(t) })
	default:
		u.said++
		_ = t.update(ctx, schema.Meta{"mood": fmt.Sprint(u.said)})
	}
}

func (u *user) say(ctx context.Context, t *tab) {
	if len(t.subs) > 0 {
		_ = t.send(ctx, t.subs[u.rng.IntN(len(t.subs))].channel)
	}
}

// unsubscribe leaves one room, or joins one if there is none left to leave.
func (u *user) unsubscribe(ctx context.Context, t *tab) {
	if len(t.subs) == 0 {
		u.join(ctx, t, u.rooms[u.rng.IntN(len(u.rooms))])
		return
	}
	i := u.rng.IntN(len(t.subs))
	_ = t.unsubscribe(ctx, t.subs[i])
	t.subs = slices.Delete(t.subs, i, i+1)
}

func (u *user) secondTab(ctx context.Context) {
	if len(u.tabs) < 2 {
		_ = u.open(ctx)
	}
}

// back ends a tab and returns at once, well within the grace.
func (u *user) back(ctx context.Context, t *tab, end func()) {
	u.drop(t, end)
	u.pause(ctx, 50*time.Millisecond, 1200*time.Millisecond)
	_ = u.open(ctx)
}

// away ends a tab; with the last one the user is gone for a while, mostly
// longer than any grace.
func (u *user) away(ctx context.Context, t *tab, end func()) {
	u.drop(t, end)
	if len(u.tabs) > 0 {
		return
	}
	if u.rng.IntN(4) == 0 {
		u.pause(ctx, time.Second, 12*time.Second)
		return
	}
	u.pause(ctx, 15*time.Second, 60*time.Second)
}

func (u *user) drop(t *tab, end func()) {
	end()
	u.tabs = slices.DeleteFunc(u.tabs, func(o *tab) bool { return o == t })
}

// vanish leaves the connection half open for longer than the edge may take to
// notice.
func (u *user) vanish(t *tab) {
	t.vanish()
	u.background.Go(func() {
		<-time.After(2 * detection)
		t.net.reset()
		t.free()
	})
}
