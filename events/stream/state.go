package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// State of a partition in this process.
type State int

// The states; see the package's diagram.
const (
	Idle State = iota
	Restoring
	Running
	Stopping
	Stopped
)

func (s State) String() string {
	return [...]string{"idle", "restoring", "running", "stopping", "stopped"}[s]
}

// next holds the transitions that exist. Restoring follows every state but
// Running: a take-over begins anew after each end.
var next = [...][]State{
	Idle:      {Restoring},
	Restoring: {Running, Stopping, Stopped},
	Running:   {Stopping, Stopped},
	Stopping:  {Idle, Stopped},
	Stopped:   {Restoring, Idle},
}

// board shows the tasks of this process by partition.
type board struct {
	mu      sync.Mutex
	slots   map[int32]*slot
	changed chan struct{} // closed and replaced at each change
}

type slot struct {
	state State
	err   error // of Stopped
	task  *task // while there is one
}

func newBoard() *board {
	return &board{slots: map[int32]*slot{}, changed: make(chan struct{})}
}

// set moves a partition to a state. A transition that doesn't exist is a bug.
func (b *board) set(partition int32, to State, t *task, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.slots[partition]
	if s == nil {
		s = &slot{}
		b.slots[partition] = s
	}
	if !slices.Contains(next[s.state], to) {
		panic(fmt.Sprintf("partition %d can't go from %v to %v", partition, s.state, to))
	}
	s.state, s.task, s.err = to, t, err
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *board) get(partition int32) (slot, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.slots[partition]; s != nil {
		return *s, b.changed
	}
	return slot{}, b.changed
}

// wait returns when the partition is in the state.
func (b *board) wait(ctx context.Context, partition int32, want State) error {
	for {
		s, changed := b.get(partition)
		if s.state == want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("partition %d is %v, not %v: %w", partition, s.state, want, context.Cause(ctx))
		}
	}
}

// in returns the partitions in a state, in order.
func (b *board) in(state State) []int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []int32
	for p, s := range b.slots {
		if s.state == state {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}
