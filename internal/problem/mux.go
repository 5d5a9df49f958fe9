package problem

import (
	"fmt"
	"net/http"
	"path"
	"strings"
)

// Mux serves a mux whose own errors, a path or a method that it doesn't have,
// are problems as all others are. A path with empty or dotted segments is none:
// a mux would send its client on to another one, and what is meant for one
// session then meets all.
func Mux(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.EscapedPath(); p != clean(p) {
			Problem{Status: http.StatusNotFound, Title: http.StatusText(http.StatusNotFound), Detail: fmt.Sprintf(
				"there is nothing at %.200s: an empty segment is none, and one of dots is %%2E or %%2E%%2E", p)}.Write(w)
			return
		}
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

// clean is the path that a mux would send a client to.
func clean(p string) string {
	cleaned := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && cleaned != "/" {
		cleaned += "/"
	}
	return cleaned
}

// silent takes a status and headers, and drops the body.
type silent struct {
	header http.Header
	status int
}

func (s *silent) Header() http.Header { return s.header }

func (s *silent) WriteHeader(status int) { s.status = status }

func (s *silent) Write(b []byte) (int, error) { return len(b), nil }
