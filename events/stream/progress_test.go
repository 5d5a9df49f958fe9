package stream

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func wantStuck(t *testing.T, p *progress, at time.Time, why string) {
	t.Helper()
	err := p.stuck(at, 17)
	if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
		t.Errorf("stuck: %v, want %q", err, why)
	}
}

func TestAPartitionThatGetsNowhereIsNotReady(t *testing.T) {
	begin := time.Now()
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	p := newProgress(begin)
	p.flushed(100, begin) // restored
	wantStuck(t, p, after(stuckAfter), "")
	wantStuck(t, p, after(stuckAfter+time.Second), "at offset 100 for 31s, with 17 records")
	p.flushed(100, after(40*time.Second)) // taken over again, at the same place
	wantStuck(t, p, after(41*time.Second), "at offset 100 for 41s")
	p.flushed(101, after(42*time.Second))
	wantStuck(t, p, after(43*time.Second), "")
}

func TestAPartitionWithNothingToDoIsReady(t *testing.T) {
	begin := time.Now()
	at := begin
	now := func() time.Time { return at }
	p := newProgress(begin)
	p.flushed(100, begin)
	p.rest(true, now)
	at = begin.Add(time.Hour)
	wantStuck(t, p, at, "")
	p.rest(false, now) // there is something again, from here on it counts
	wantStuck(t, p, at.Add(stuckAfter), "")
	wantStuck(t, p, at.Add(stuckAfter+time.Second), "at offset 100 for 31s")
}

func TestWhatAPartitionStopsAtIsSaidBetweenItsTakeOvers(t *testing.T) {
	begin := time.Now()
	p := newProgress(begin)
	p.flushed(100, begin)
	p.end(errors.New("topic is forbidden"))
	wantStuck(t, p, begin.Add(31*time.Second), "it last stopped at: topic is forbidden")
	p.flushed(101, begin.Add(31*time.Second))
	wantStuck(t, p, begin.Add(70*time.Second), "at offset 101 for 39s, with 17 records behind it")
	if err := p.stuck(begin.Add(70*time.Second), 0); strings.Contains(err.Error(), "forbidden") {
		t.Errorf("an error that is over: %v", err)
	}
}

func TestASlowFlushIsNotReady(t *testing.T) {
	begin := time.Now()
	p := newProgress(begin)
	p.begin(begin)
	wantStuck(t, p, begin.Add(slowFlush), "")
	wantStuck(t, p, begin.Add(slowFlush+2*time.Second), "flush in flight for 12s")
	p.flushed(5, begin.Add(slowFlush+2*time.Second))
	wantStuck(t, p, begin.Add(slowFlush+3*time.Second), "")
	p.begin(begin.Add(13 * time.Second))
	p.end(errors.New("outage"))
	wantStuck(t, p, begin.Add(25*time.Second), "")
}

func TestReadySaysThatARunningPartitionIsStuck(t *testing.T) {
	far := newProgress(time.Now().Add(-time.Minute))
	far.end(errors.New("topic is forbidden"))
	s := &Service{parts: parts{board: newBoard()}}
	s.board.set(4, Restoring, nil, nil)
	s.board.set(4, Running, &task{progress: far, heard: time.Now(), lag: 3}, nil)
	if err := s.ready(4); err == nil || !strings.Contains(err.Error(), "partition 4 has been at offset -1 for 1m0s, with 3 records behind it; it last stopped at: topic is forbidden") {
		t.Errorf("ready: %v", err)
	}
	far.flushed(7, time.Now())
	if err := s.ready(4); err != nil {
		t.Errorf("ready: %v", err)
	}
}
