package session

import (
	"slices"
	"strings"
	"unicode/utf8"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/stomp"
)

// refreshDestination takes a new token of the same user, before the present
// one expires: in the header Authorization (Bearer …) or passcode, else as the
// body.
const refreshDestination = "/app/session/refresh"

// refresh holds the input back until the token is checked.
func (s *Session) refresh(f *stomp.Frame) (Action, *refusal) {
	shown := Credentials{Passcode: f.Text("passcode"), Authorization: authorization(f)}
	if shown == (Credentials{}) {
		if !utf8.Valid(f.Body) {
			return nil, broken("the body of SEND is not UTF-8")
		}
		shown.Passcode = strings.TrimSpace(string(f.Body))
	}
	if s.cfg.LoginIsUser {
		return nil, nil // nothing expires, so there is nothing to renew
	}
	if shown == (Credentials{}) {
		return nil, broken("%s takes a token: in the header Authorization or passcode, or as the body", refreshDestination)
	}
	s.state = Renewing
	return Refresh{Credentials: shown, Receipt: f.Text("receipt")}, nil
}

// Renew goes on under a new token: a [Withdraw] for each subscription that it
// doesn't cover, then [Renewed], then what the client has sent meanwhile. Only
// in Renewing.
func (s *Session) Renew(dst []Action, may grant.Grant, receipt string) []Action {
	if s.state != Renewing {
		return dst
	}
	s.state, s.may = Live, may
	s.subs = slices.DeleteFunc(s.subs, func(sub schema.Subscription) bool {
		covered := may.Covers(sub)
		if !covered {
			dst = append(dst, Withdraw{sub})
		}
		return !covered
	})
	if len(s.subs) == 0 {
		s.subs = nil
	}
	return s.run(append(dst, Renewed{Receipt: receipt}))
}

// Keep goes on under the present token, with what the client has sent
// meanwhile. Only in Renewing.
func (s *Session) Keep(dst []Action) []Action {
	if s.state != Renewing {
		return dst
	}
	s.state = Live
	return s.run(dst)
}
