package ops

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
)

// Check is one thing that readiness waits for. Check returns nil when it is
// there, else an error that says in words what is missing. It is called for
// each request, from several goroutines, and must answer from memory.
type Check struct {
	Name  string
	Check func() error
}

// Waiting is a check that doesn't pass yet.
type Waiting struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}

// Readiness is a set of checks. The zero value is ready.
type Readiness struct {
	mu     sync.Mutex
	checks []Check
}

// NewReadiness makes a set of the given checks.
func NewReadiness(checks ...Check) *Readiness {
	return &Readiness{checks: slices.Clone(checks)}
}

// Add puts checks to those that must pass, in the order they are shown.
func (r *Readiness) Add(checks ...Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, checks...)
}

// Waiting runs all checks and returns those that don't pass, never nil.
func (r *Readiness) Waiting() []Waiting {
	r.mu.Lock()
	checks := slices.Clone(r.checks)
	r.mu.Unlock()

	waiting := []Waiting{}
	for _, c := range checks {
		if err := c.Check(); err != nil {
			waiting = append(waiting, Waiting{c.Name, err.Error()})
		}
	}
	return waiting
}

// ServeHTTP answers /readyz.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	waiting := r.Waiting()
	body, err := json.Marshal(struct {
		Ready   bool      `json:"ready"`
		Waiting []Waiting `json:"waiting"`
	}{len(waiting) == 0, waiting})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if len(waiting) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
}
