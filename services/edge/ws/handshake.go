package ws

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Subprotocols are those that are spoken, in the order of preference.
var Subprotocols = []string{"v12.stomp", "v11.stomp", "v10.stomp"}

const (
	protocolHeader = "Sec-Websocket-Protocol"
	keyLength      = 16
)

// check finds what is wrong with a request to upgrade; nil if nothing is.
// After it gws has nothing left to refuse. Who comes at a wrong moment is told
// that first: what else is wrong may look different at the right one.
func (s *Server) check(r *http.Request) *Refusal {
	if s.options.Admit != nil {
		if refusal := s.options.Admit(r); refusal != nil {
			return refusal
		}
	}
	switch {
	case r.Method != http.MethodGet,
		!hasToken(r.Header, "Connection", "upgrade"), !hasToken(r.Header, "Upgrade", "websocket"):
		return &Refusal{Status: http.StatusUpgradeRequired, Text: "this is a WebSocket endpoint for STOMP: send a GET with Upgrade: websocket"}
	case r.Header.Get("Sec-Websocket-Version") != "13":
		return &Refusal{Status: http.StatusUpgradeRequired, Text: "Sec-WebSocket-Version must be 13"}
	case !validKey(r.Header.Get("Sec-Websocket-Key")):
		return &Refusal{Status: http.StatusBadRequest, Text: "Sec-WebSocket-Key must be 16 bytes in base64"}
	case !s.options.OriginAllowed(r):
		return &Refusal{Status: http.StatusForbidden, Text: "origin " + strconv.Quote(r.Header.Get("Origin")) + " is not allowed"}
	}
	return nil
}

func validKey(key string) bool {
	raw, err := base64.StdEncoding.DecodeString(key)
	return err == nil && len(raw) == keyLength
}

// common reports whether one of the subprotocols offered is spoken here, which
// is so if none is offered.
func common(offers []string) bool {
	return len(offers) == 0 || slices.ContainsFunc(offers, func(protocol string) bool { return slices.Contains(Subprotocols, protocol) })
}

// offered are the subprotocols of all header lines.
func offered(h http.Header) []string {
	var all []string
	for token := range tokens(h, protocolHeader) {
		all = append(all, token)
	}
	return all
}

func hasToken(h http.Header, name, want string) bool {
	for token := range tokens(h, name) {
		if strings.EqualFold(token, want) {
			return true
		}
	}
	return false
}

// tokens goes through a comma-separated header that may have several lines.
func tokens(h http.Header, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for _, line := range h.Values(name) {
			for token := range strings.SplitSeq(line, ",") {
				if token = strings.TrimSpace(token); token != "" && !yield(token) {
					return
				}
			}
		}
	}
}
