package ws

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// OriginAllowed reports whether the page that asks may connect. A request
// without Origin comes from no browser: nothing it could borrow is in reach.
// All transports ask here.
func (o Options) OriginAllowed(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if len(o.AllowedOrigins) == 0 {
		u, err := url.Parse(origin)
		return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	for _, pattern := range o.AllowedOrigins {
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
	pattern, origin = strings.TrimSuffix(strings.ToLower(pattern), "/"), strings.ToLower(origin)
	scheme, host, wild := strings.Cut(pattern, "://*.")
	if !wild {
		return pattern == origin
	}
	below, ok := strings.CutPrefix(origin, scheme+"://")
	return ok && strings.HasSuffix(below, "."+host) && !strings.HasPrefix(below, ".")
}

var (
	errOrigin = errors.New("is no origin; want scheme://host[:port] such as https://chat.example.org, " +
		"https://*.example.org for all hosts below one, or * for all")
	errOriginScheme = errors.New("never matches: an origin has the scheme of the page, http or https")
	errOriginPort   = errors.New("never matches: browsers name an origin without the port that is its scheme's")
	errOriginHost   = errors.New("never matches: browsers name hosts in ASCII; want its xn-- form")
)

// CheckOrigin refuses a pattern for Options.AllowedOrigins that matches no
// origin a browser sends (RFC 6454, 6.2), which is how mistakes show.
func CheckOrigin(pattern string) error {
	if pattern == "*" {
		return nil
	}
	below := strings.Replace(pattern, "://*.", "://", 1)
	u, err := url.Parse(below)
	// Put together again from the parts that an origin has, it is the same.
	if err != nil || u.Host == "" || strings.ContainsAny(u.Host, "*;, ") ||
		!strings.EqualFold(strings.TrimSuffix(below, "/"), u.Scheme+"://"+u.Host) {
		return errOrigin
	}
	own := u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443"
	number, err := strconv.ParseUint(u.Port(), 10, 16)
	switch {
	case u.Scheme == "ws", u.Scheme == "wss":
		return errOriginScheme
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > '~' }):
		return errOriginHost
	case own, strings.HasSuffix(u.Host, ":"):
		return errOriginPort
	case u.Port() != "" && (err != nil || number == 0):
		return errOrigin
	}
	return nil
}
