package chaos

import (
	"sync"
	"time"

	"rollcall.dev/test/oracle"
)

// recorder writes down what is done and seen, in one order, on one clock.
type recorder struct {
	origin time.Time

	mu    sync.Mutex
	facts []oracle.Fact
	over  bool
}

func newRecorder() *recorder { return &recorder{origin: time.Now()} }

// now is the observer's clock.
func (r *recorder) now() time.Duration { return time.Since(r.origin) }

// note adds a fact at its time. Nothing happens after the quiet end.
func (r *recorder) note(f oracle.Fact) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	f.At = r.now()
	r.facts = append(r.facts, f)
	r.over = f.Kind == oracle.Quiet
}

// taken is all that was written down.
func (r *recorder) taken() []oracle.Fact {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.facts[:len(r.facts):len(r.facts)]
}
