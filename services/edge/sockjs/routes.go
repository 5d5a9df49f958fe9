package sockjs

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"rollcall.dev/services/edge/ws"
)

const (
	maxID      = 64 // bytes of a server or session id
	retryAfter = 5 * time.Second
	preflight  = "86400" // seconds that a browser may remember what is allowed
)

// route is what stands behind a path.
type route struct {
	method string
	serve  func(s *Server, w http.ResponseWriter, r *http.Request, id string)
}

var routes = map[string]route{
	"xhr":           {http.MethodPost, receiving(polling)},
	"xhr_streaming": {http.MethodPost, receiving(streaming)},
	"eventsource":   {http.MethodGet, receiving(eventSource)},
	"xhr_send":      {http.MethodPost, (*Server).send},
}

var (
	info     = route{http.MethodGet, (*Server).info}
	greeting = route{http.MethodGet, func(_ *Server, w http.ResponseWriter, _ *http.Request, _ string) {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		fmt.Fprint(w, "Welcome to SockJS!\n")
	}}
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	parts := strings.Split(path, "/")
	switch {
	case path == "":
		s.answer(w, r, greeting, "")
	case path == "info":
		s.answer(w, r, info, "")
	case len(parts) == 3 && validID(parts[0]) && validID(parts[1]):
		if parts[2] == "websocket" {
			s.socket.ServeHTTP(w, r)
			return
		}
		if route, ok := routes[parts[2]]; ok {
			s.answer(w, r, route, parts[0]+"/"+parts[1])
			return
		}
		http.NotFound(w, r)
	default:
		http.NotFound(w, r)
	}
}

// validID: by the protocol an id is anything without a dot. Ours isn't endless.
func validID(id string) bool { return id != "" && len(id) <= maxID && !strings.Contains(id, ".") }

// answer does what every path has in common: origins, methods, caches.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, route route, id string) {
	h := w.Header()
	if !s.cors(h, r) {
		http.Error(w, fmt.Sprintf("origin %q is not allowed", r.Header.Get("Origin")), http.StatusForbidden)
		return
	}
	switch r.Method {
	case route.method:
		h.Set("Cache-Control", "no-store, no-transform, no-cache, must-revalidate, max-age=0")
		route.serve(s, w, r, id)
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "OPTIONS, "+route.method)
		h.Set("Access-Control-Max-Age", preflight)
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "OPTIONS, "+route.method)
		http.Error(w, "want "+route.method, http.StatusMethodNotAllowed)
	}
}

// cors lets the pages that may connect read the answer, and reports whether the
// one that asks may.
func (s *Server) cors(h http.Header, r *http.Request) bool {
	h.Add("Vary", "Origin")
	if !s.options.OriginAllowed(r) {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
	}
	return true
}

// info is what a client asks first. Cookies are wanted for load balancers that
// keep a session at one edge with one.
func (s *Server) info(w http.ResponseWriter, _ *http.Request, _ string) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(w).Encode(map[string]any{ // fails if the client is gone
		"websocket": true, "cookie_needed": true, "origins": []string{"*:*"}, "entropy": rand.Uint32(),
	})
}

// receiving is a request that receives, and begins a session if there is none.
func receiving(k kind) func(*Server, http.ResponseWriter, *http.Request, string) {
	return func(s *Server, w http.ResponseWriter, r *http.Request, id string) {
		answer := http.NewResponseController(w)
		rcv := &receiver{kind: k, answer: answer, ready: make(chan struct{}, 1), until: time.Now().Add(s.options.holdTime())}
		c, refusal := s.session(r, id, k, rcv)
		if refusal != nil {
			refusal.Write(w)
			return
		}
		_ = answer.SetReadDeadline(time.Time{}) // the server's is for a request, not for waiting
		w.Header().Set("Content-Type", k.contentType)
		w.Header().Set("X-Accel-Buffering", "no")
		if c == nil {
			_, _ = w.Write(rcv.frame([]byte(k.prelude), closeFrame(codeTwice, "Another connection still open")))
			return
		}
		c.serve(w, r, rcv)
	}
}

// codeTwice is SockJS's own close code for a second receiving request.
const codeTwice = 2010

// session finds or begins a session and attaches the request to it. It is nil
// where another request is attached.
func (s *Server) session(r *http.Request, id string, k kind, rcv *receiver) (*conn, *ws.Refusal) {
	if c := s.find(id); c != nil {
		return attached(c, rcv), nil
	}
	if s.options.Admit != nil {
		if refusal := s.options.Admit(r); refusal != nil {
			return nil, refusal
		}
	}
	made := s.newConn(id, r.RemoteAddr, k.protocol)
	made.receiver = rcv
	c, err := s.enter(id, made)
	switch {
	case errors.Is(err, errNotOpen), errors.Is(err, errFull):
		return nil, &ws.Refusal{Status: http.StatusServiceUnavailable, RetryAfter: retryAfter, Text: err.Error()}
	case c != made:
		return attached(c, rcv), nil
	}
	c.accept(r)
	go c.run()
	return c, nil
}

func attached(c *conn, rcv *receiver) *conn {
	if !c.attach(rcv) {
		return nil
	}
	return c
}
