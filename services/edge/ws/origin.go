package ws

import (
	"net/http"
	"net/url"
	"strings"
)

// originAllowed reports whether the page that asks may connect. A request
// without Origin comes from no browser: nothing it could borrow is in reach.
func (s *Server) originAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if len(s.options.AllowedOrigins) == 0 {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	for _, pattern := range s.options.AllowedOrigins {
		if matchOrigin(pattern, origin) {
			return true
		}
	}
	return false
}

// matchOrigin compares scheme, host and port; "*" is any origin and
// "https://*.example.com" any host below example.com, not that itself.
func matchOrigin(pattern, origin string) bool {
	if pattern == "*" {
		return true
	}
	pattern, origin = strings.ToLower(pattern), strings.ToLower(origin)
	scheme, host, wild := strings.Cut(pattern, "://*.")
	if !wild {
		return strings.TrimSuffix(pattern, "/") == origin
	}
	below, ok := strings.CutPrefix(origin, scheme+"://")
	return ok && strings.HasSuffix(below, "."+host) && !strings.HasPrefix(below, ".")
}
