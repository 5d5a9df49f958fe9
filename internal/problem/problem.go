// Package problem writes the answers of the HTTP APIs: JSON, and errors as
// application/problem+json (RFC 9457).
package problem

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// retryAfter is what a client is told to wait when a partition is moving.
const retryAfter = time.Second

// ContentType of a problem.
const ContentType = "application/problem+json"

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Type   string `json:"type" doc:"about:blank: the title is that of the status"`
	Title  string `json:"title" doc:"what is wrong, the same for all of its kind"`
	Status int    `json:"status" doc:"the HTTP status"`
	Detail string `json:"detail,omitempty" doc:"what is wrong here, and what would be right"`
	// Errors name the parts of the request that can't be used.
	Errors []Part `json:"errors,omitempty" doc:"the parts of the request that can't be used"`
}

// Part is what is wrong with one part of a request.
type Part struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty" doc:"such as path.user, query.note or body.users[3]"`
}

// Unavailable is a problem that goes away by itself: 503 with Retry-After.
func Unavailable(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Title: "Not answered here now", Detail: fmt.Sprintf(format, args...)}
}

// Bad is a problem of one part of the request: 400 that names it.
func Bad(location string, why error) *Problem {
	return &Problem{Status: http.StatusBadRequest, Title: http.StatusText(http.StatusBadRequest), Detail: why.Error(),
		Errors: []Part{{Message: why.Error(), Location: location}}}
}

// Error implements error.
func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Title, p.Detail) }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of a problem, whatever the one asked for.
func (p *Problem) ContentType(string) string { return ContentType }

// GetHeaders are those that go with the problem.
func (p *Problem) GetHeaders() http.Header {
	if p.Status != http.StatusServiceUnavailable {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(int(retryAfter.Seconds()))}}
}

// MarshalJSON fills in the type.
func (p Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	p.Type = "about:blank"
	return json.Marshal(plain(p))
}

// Write answers with the problem.
func (p Problem) Write(w http.ResponseWriter) {
	maps.Copy(w.Header(), p.GetHeaders())
	WriteJSON(w, p.Status, ContentType, p)
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
