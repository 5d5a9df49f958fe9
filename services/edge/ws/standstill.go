package ws

import (
	"sync/atomic"
	"time"
)

// standstillAfter is how late the sweep is when the process has stood still: it
// was stopped, or its machine was paused.
const standstillAfter = 2 * time.Second

// standstill knows when the process last stood still. Its peers were not asked
// for a sign of life meanwhile, and what they sent of themselves waits unread
// behind a deadline that has passed: their silence says nothing. Times are
// since the server's epoch.
type standstill struct {
	seen  atomic.Int64 // when the sweep last went by
	ended atomic.Int64
}

// sweeps notes that the sweep goes by.
func (s *standstill) sweeps(now time.Duration) {
	s.look(now)
	s.seen.Store(int64(now))
}

// look returns when the last standstill ended, 0 if there was none. Whoever
// wakes up before the sweep sees it here.
func (s *standstill) look(now time.Duration) time.Duration {
	if now-time.Duration(s.seen.Load()) > standstillAfter {
		s.ended.Store(int64(now))
		s.seen.Store(int64(now))
	}
	return time.Duration(s.ended.Load())
}
