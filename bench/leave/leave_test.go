// Package leave measures how long it takes from the TCP close of one client to
// the MESSAGE at another, through edge, presence, notifier and edge.
package leave

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"rollcall.dev/bench/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	idle     = 1000 // sessions that do nothing
	perRoom  = 10   // of them in one room
	parallel = 16   // that connect at once
)

// BenchmarkLeave has 1,000 idle sessions and a grace of 0. In each round a
// user joins a room in which one watches, and breaks the connection.
func BenchmarkLeave(b *testing.B) {
	dir := b.TempDir()
	paths, err := rig.Build(dir, "./deploy/standalone/cmd/standalone")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.Context(), 60*time.Second)
	defer cancel()
	ring, err := rig.StartRing(ctx, dir, paths[0], "--leave-delay=0s")
	if err != nil {
		b.Fatal(err)
	}
	defer ring.Stop()
	for _, c := range connect(b, ring.Edge) {
		defer c.Drop()
	}
	w := &watcher{joined: make(chan time.Time, 1), left: make(chan time.Time, 1)}
	c, err := rig.Dial(ring.Edge, "watcher", w.frame)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Drop()
	if err := c.Join("watched"); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		took = append(took, w.round(b, ring.Edge, len(took)))
	}
	rig.ReportLatency(b, "", took)
}

// connect begins the idle sessions.
func connect(b *testing.B, edge string) []*rig.Client {
	b.Helper()
	clients := make([]*rig.Client, idle)
	var wg sync.WaitGroup
	for first := range parallel {
		wg.Go(func() {
			for i := first; i < idle; i += parallel {
				c, err := rig.Dial(edge, fmt.Sprintf("idle-%d", i), nil)
				if err == nil {
					err = c.Join(fmt.Sprintf("room.%d", i/perRoom))
				}
				if err != nil {
					b.Error(err)
					return
				}
				clients[i] = c
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return clients
}

// watcher notes when frames that tell of a join or a leave arrive.
type watcher struct{ joined, left chan time.Time }

var (
	joinedOther = []byte(`"joined":[{"user":"leaver-`)
	leftOther   = []byte(`"left":[{"user":"leaver-`)
)

func (w *watcher) frame(frame []byte) {
	now := time.Now()
	switch {
	case bytes.Contains(frame, joinedOther):
		w.joined <- now
	case bytes.Contains(frame, leftOther):
		w.left <- now
	}
}

func (w *watcher) round(b *testing.B, edge string, n int) time.Duration {
	c, err := rig.Dial(edge, fmt.Sprintf("leaver-%d", n), nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Join("watched"); err != nil {
		b.Fatal(err)
	}
	wait(b, w.joined)
	begun := time.Now()
	c.Drop()
	return wait(b, w.left).Sub(begun)
}

func wait(b *testing.B, at <-chan time.Time) time.Time {
	b.Helper()
	select {
	case t := <-at:
		return t
	case <-time.After(30 * time.Second):
		b.Fatal("not told within 30 s")
		return time.Time{}
	}
}
