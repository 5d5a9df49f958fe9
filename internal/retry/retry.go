// Package retry waits in tests for what happens elsewhere. Where a channel or
// a testing/synctest bubble does, use those.
package retry

import (
	"testing"
	"time"
)

// Pauses between two tries.
const (
	firstPause = time.Millisecond
	maxPause   = 50 * time.Millisecond
)

// Eventually calls cond until it returns nil. At the deadline it fails the
// test with the last error of cond. It must be called from the test's own
// goroutine.
func Eventually(t testing.TB, deadline time.Duration, cond func() error) {
	t.Helper()
	begun := time.Now()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := cond()
		if err == nil {
			return
		}
		if time.Since(begun) >= deadline {
			t.Fatalf("not within %v: %v", deadline, err)
			return
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("test ended while waiting: %v", err)
			return
		case <-time.After(pause):
		}
	}
}
