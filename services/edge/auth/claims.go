package auth

import (
	"encoding/json"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
)

// maxEventClaims bounds what goes into session.connected, as JSON, in bytes.
const maxEventClaims = 4 << 10

// identity is what the claims of a token that was checked say.
func (t *tokens) identity(claims jwt.MapClaims) (Identity, error) {
	var who Identity
	var err error
	if who.User, err = claims.GetSubject(); err != nil {
		return Identity{}, refused("the token's sub is no text")
	}
	if err := schema.CheckUser(who.User); err != nil {
		return Identity{}, refused("the token's sub: %w", err)
	}
	if who.ExpiresAt, err = t.expiry(claims); err != nil {
		return Identity{}, err
	}
	if who.May, err = t.may(claims); err != nil {
		return Identity{}, err
	}
	who.Claims, err = t.forEvents(claims)
	return who, err
}

// times within which exp and nbf lie. Beyond them they can't be counted with.
var (
	earliest = time.Unix(0, 0)
	latest   = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
)

// expiry is when the proof ends. A token that is taken although it has expired,
// for clocks differ, holds for as long as it is taken.
func (t *tokens) expiry(claims jwt.MapClaims) (time.Time, error) {
	exp, errExp := claims.GetExpirationTime()
	nbf, errNbf := claims.GetNotBefore()
	switch {
	case errExp != nil || errNbf != nil || outOfRange(exp) || outOfRange(nbf):
		return time.Time{}, refused("the token's exp or nbf is out of range")
	case exp == nil:
		return time.Time{}, nil
	case !time.Now().Before(exp.Time):
		return exp.Add(t.set.Leeway), nil
	}
	return exp.Time, nil
}

func outOfRange(at *jwt.NumericDate) bool {
	return at != nil && (at.Before(earliest) || at.After(latest))
}

// may is what the channels claim allows.
func (t *tokens) may(claims jwt.MapClaims) (grant.Grant, error) {
	claim, there := claims[t.set.ChannelsClaim]
	if !there {
		if t.set.OpenChannels {
			return grant.EveryChannel(), nil
		}
		return grant.Grant{}, nil
	}
	may, err := grant.Parse(claim)
	if err != nil {
		return grant.Grant{}, refused("the token's claim %q: %w", t.set.ChannelsClaim, err)
	}
	return may, nil
}

// forEvents are the claims that the log is told.
func (t *tokens) forEvents(claims jwt.MapClaims) (map[string]any, error) {
	var told map[string]any
	for _, name := range t.set.EventClaims {
		value, there := claims[name]
		if !there {
			continue
		}
		if told == nil {
			told = map[string]any{}
		}
		told[name] = value
	}
	if told == nil {
		return nil, nil
	}
	text, err := json.Marshal(told)
	if err != nil || len(text) > maxEventClaims {
		return nil, refused("the token's claims for the log have more than %d bytes", maxEventClaims)
	}
	return told, nil
}
