package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// problem is an error as RFC 9457 writes it.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

// unavailable is a problem that goes away by itself.
func unavailable(format string, args ...any) *problem {
	return &problem{Status: http.StatusServiceUnavailable, Title: "Not answered here now", Detail: fmt.Sprintf(format, args...)}
}

func (p problem) write(w http.ResponseWriter) {
	p.Type = "about:blank"
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	}
	writeJSON(w, p.Status, "application/problem+json", p)
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
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
