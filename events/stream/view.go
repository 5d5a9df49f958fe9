package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/lease"
)

// staleAfter is when an answer may no longer be what others know: an empty
// fetch comes back twice a second.
const staleAfter = 5 * time.Second

// Freshness says how much of a partition's log a state knows.
type Freshness struct {
	Partition int32
	// Position is the next offset: all below it is in the state.
	Position int64
	// Lag is the number of records behind, when it was last heard.
	Lag int64
	// Fresh is when the log held nothing that isn't in the state.
	Fresh time.Time
	// Stale: that was a while ago. The log isn't heard, or there is much in it.
	Stale bool
}

func freshness(partition int32, position, lag int64, level time.Time) Freshness {
	return Freshness{Partition: partition, Position: position, Lag: lag, Fresh: level, Stale: time.Since(level) > staleAfter}
}

// View is a consistent state of one partition. It doesn't change and blocks
// nobody.
type View struct {
	*fold.Snapshot
	Freshness
}

// View returns the state of a partition that runs here.
func (s *Service) View(partition int32) (View, bool) {
	slot, _ := s.board.get(partition)
	if slot.state != Running {
		return View{}, false
	}
	t := slot.task
	t.mu.Lock()
	defer t.mu.Unlock()
	return View{t.machine.Snapshot(), freshness(partition, t.machine.Position(), t.lag, t.level)}, true
}

// Position is the next input offset of a partition that runs here.
func (s *Service) Position(partition int32) (int64, bool) {
	slot, _ := s.board.get(partition)
	if slot.state != Running {
		return 0, false
	}
	slot.task.mu.Lock()
	defer slot.task.mu.Unlock()
	return slot.task.machine.Position(), true
}

// Owned are the partitions that run here.
func (s *Service) Owned() []int32 { return s.board.in(Running) }

// State of a partition in this process.
func (s *Service) State(partition int32) State {
	slot, _ := s.board.get(partition)
	return slot.state
}

// WaitState returns when the partition is in the state.
func (s *Service) WaitState(ctx context.Context, partition int32, want State) error {
	return s.board.wait(ctx, partition, want)
}

// OwnerOf is the instance that runs a partition, by its heartbeats.
func (s *Service) OwnerOf(partition int32) (Peer, bool) { return s.monitor.owner(partition) }

// HeartbeatLog is how fresh Edges and OwnerOf are.
func (s *Service) HeartbeatLog() Freshness {
	s.monitor.mu.Lock()
	defer s.monitor.mu.Unlock()
	return freshness(0, s.monitor.position, s.monitor.lag, s.monitor.level)
}

// EdgeView is an edge as its heartbeats show it.
type EdgeView struct {
	Edge              string
	Epoch             int64
	Sessions          int
	Draining, Stopped bool
	OldestMS          int64
	HTTP              string
	// Age of its last heartbeat.
	Age     time.Duration
	Expired bool
}

// Edges are those heard of, by id.
func (s *Service) Edges() []EdgeView {
	s.monitor.mu.Lock()
	now := s.monitor.now()
	edges := s.monitor.table.Edges(now)
	s.monitor.mu.Unlock()
	all := make([]EdgeView, len(edges))
	for i, e := range edges {
		all[i] = edgeView(e, now)
	}
	return all
}

func edgeView(e lease.Edge, now time.Duration) EdgeView {
	return EdgeView{
		Edge: e.Edge, Epoch: e.Last.Epoch, Sessions: e.Last.Sessions, Draining: e.Last.Draining, Stopped: e.Last.Stopped,
		OldestMS: e.Last.OldestMS, HTTP: e.Last.HTTP, Age: now - e.Seen, Expired: e.Expired,
	}
}

// silentAfter is when a partition that hears nothing of its log isn't ready.
const silentAfter = 10 * time.Second

// Ready is nil if heartbeats are heard, every partition of this process runs,
// hears of its log and gets on, and every other one runs elsewhere; else it says
// in words what is missing.
func (s *Service) Ready() error {
	switch {
	case closed(s.Done()):
		return errors.New("the service has stopped")
	case !closed(s.Started()):
		return errors.New("the service has not started")
	}
	var errs []error
	if s.HeartbeatLog().Fresh.IsZero() {
		errs = append(errs, errors.New("no heartbeat was heard yet"))
	}
	for p := range int32(s.cfg.Partitions) {
		errs = append(errs, s.ready(p))
	}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool { return err == nil })...)
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func (s *Service) ready(partition int32) error {
	slot, _ := s.board.get(partition)
	switch slot.state {
	case Running:
		slot.task.mu.Lock()
		defer slot.task.mu.Unlock()
		if err := slot.task.progress.stuck(time.Now(), slot.task.lag); err != nil {
			return fmt.Errorf("partition %d %w", partition, err)
		}
		if silent := time.Since(slot.task.heard); silent > silentAfter {
			return fmt.Errorf("partition %d has heard nothing from its log for %v", partition, silent.Round(time.Second))
		}
		return nil
	case Stopped:
		return fmt.Errorf("partition %d has stopped: %w", partition, slot.err)
	case Idle:
		if _, ok := s.monitor.owner(partition); ok {
			return nil
		}
		return fmt.Errorf("partition %d has no owner yet", partition)
	default:
		return fmt.Errorf("partition %d is %v", partition, slot.state)
	}
}
