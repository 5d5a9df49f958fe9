package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"rollcall.dev/events/schema"
)

// watcher stays at one edge and watches some rooms and users, for as long as
// its session lives, and then in a new one. What it receives is what the run
// is about.
type watcher struct {
	name     string
	rng      *rand.Rand
	rec      *recorder
	edge     edgeAt
	channels []string
	current  *client
	opened   int
}

func (w *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.current != nil {
			select {
			case <-ctx.Done():
				return
			case <-w.current.done:
				w.current.free()
				w.current = nil
			}
		}
		if err := w.open(ctx); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(200*time.Millisecond + time.Duration(w.rng.Int64N(int64(time.Second)))):
			}
		}
	}
}

func (w *watcher) open(ctx context.Context) (err error) {
	w.opened++
	name := fmt.Sprintf("%s.%d", w.name, w.opened)
	if w.current, err = dial(ctx, w.rec, name, w.name, w.edge, nil); err != nil {
		return err
	}
	for _, channel := range w.channels {
		if _, err := w.current.subscribe(ctx, channel, schema.RoleWatcher); err != nil && !w.current.alive() {
			return err
		}
	}
	return nil
}
