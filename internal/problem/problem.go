// Package problem writes the answers of the HTTP APIs: JSON, and errors as
// application/problem+json (RFC 9457).
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// retryAfter is what a client is told to wait when a partition is moving.
const retryAfter = time.Second

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// Unavailable is a problem that goes away by itself: 503 with Retry-After.
func Unavailable(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Title: "Not answered here now", Detail: fmt.Sprintf(format, args...)}
}

// Write answers with the problem.
func (p Problem) Write(w http.ResponseWriter) {
	p.Type = "about:blank"
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	WriteJSON(w, p.Status, "application/problem+json", p)
}

// WriteJSON answers with v. Nothing on the way may keep it: it is of the moment.
func WriteJSON(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that left needs no answer
}
