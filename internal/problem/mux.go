package problem

import (
	"fmt"
	"net/http"
)

// Mux serves a mux whose own errors, a path or a method that it doesn't have,
// are problems as all others are.
func Mux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		said := &silent{header: w.Header()}
		mux.ServeHTTP(said, r)
		p := Problem{Status: said.status, Title: http.StatusText(said.status)}
		switch said.status {
		case http.StatusNotFound:
			p.Detail = fmt.Sprintf("there is nothing at %s", r.URL.EscapedPath())
		case http.StatusMethodNotAllowed:
			p.Detail = fmt.Sprintf("%s is not for %s, it takes %s", r.URL.EscapedPath(), r.Method, w.Header().Get("Allow"))
		}
		w.Header().Del("X-Content-Type-Options")
		p.Write(w)
	})
}

// silent takes a status and headers, and drops the body.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header { return s.header }

func (s *silent) WriteHeader(status int) { s.status = status }

func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
