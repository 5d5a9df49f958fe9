package retry_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/internal/retry"
)

// recorder is a test whose failure is looked at.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }

func TestSucceedsOnceTheConditionHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		retry.Eventually(t, time.Second, func() error {
			if tries++; tries < 5 {
				return errors.New("not yet")
			}
			return nil
		})
		if tries != 5 {
			t.Errorf("%d tries, want 5", tries)
		}
	})
}

func TestFailsAtTheDeadlineWithTheLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{TB: t}
		tries, begun := 0, time.Now()
		retry.Eventually(r, time.Second, func() error { tries++; return fmt.Errorf("try %d", tries) })
		if want := fmt.Sprintf("not within 1s: try %d", tries); r.failure != want {
			t.Errorf("failure %q, want %q", r.failure, want)
		}
		if took := time.Since(begun); took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("gave up after %v, want 1 s", took)
		}
	})
}

func TestTriesOnceWithoutTime(t *testing.T) {
	r := &recorder{TB: t}
	tries := 0
	retry.Eventually(r, 0, func() error { tries++; return errors.New("no") })
	if tries != 1 || r.failure == "" {
		t.Errorf("%d tries, failure %q", tries, r.failure)
	}
}
