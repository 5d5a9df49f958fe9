package auth

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken bounds a token, in bytes. It is that of a credential in a STOMP
// header; other ways in have room for more.
const maxToken = 8 << 10

// tokens is mode jwt.
type tokens struct {
	set        Tokens
	keys       keys
	algorithms []string
	parser     *jwt.Parser
}

func newTokens(o Options) (*Auth, error) {
	o.Tokens = o.Tokens.withDefaults()
	if err := o.Tokens.check(); err != nil {
		return nil, err
	}
	a := &Auth{cookie: o.Cookie}
	t := &tokens{set: o.Tokens}
	var err error
	switch {
	case o.JWKSURL != "":
		if a.remote, err = newRemoteKeys(o); err != nil {
			return nil, err
		}
		t.keys = a.remote
		t.algorithms, err = choose(o.Algorithms, remoteAlgorithms, []string{"RS256", "ES256", "EdDSA"})
	case o.PublicKeyFile != "":
		t.keys, t.algorithms, err = publicKeys(o.Tokens)
	default:
		t.keys, t.algorithms, err = secretKey(o.Tokens)
	}
	if err != nil {
		return nil, err
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(t.algorithms), jwt.WithLeeway(o.Leeway), jwt.WithJSONNumber(), jwt.WithStrictDecoding()}
	if o.Issuer != "" {
		options = append(options, jwt.WithIssuer(o.Issuer))
	}
	if len(o.Audience) > 0 {
		options = append(options, jwt.WithAudience(o.Audience...))
	}
	t.parser = jwt.NewParser(options...)
	a.Authenticator = t
	return a, nil
}

// FromRequest is the token of an HTTP request: of its header Authorization, or
// of the cookie that is set for it; "" if there is none. Of one that is too long
// it returns as much as shows that.
func (a *Auth) FromRequest(r *http.Request) string {
	token, ok := bearer(r.Header.Get("Authorization"))
	if !ok && a.cookie != "" {
		if cookie, err := r.Cookie(a.cookie); err == nil {
			token = cookie.Value
		}
	}
	return strings.Clone(token[:min(len(token), maxToken+1)])
}

func bearer(header string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header), " ")
	if token = strings.TrimSpace(token); token == "" || !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	return token, true
}

// token is the one that counts: what comes with the frame goes before what
// came with the HTTP request.
func (c Credentials) token() (string, error) {
	switch {
	case c.Authorization != "":
		token, ok := bearer(c.Authorization)
		if !ok {
			return "", refused("the header Authorization holds no bearer token; want Bearer and a token")
		}
		return token, nil
	case c.Passcode != "":
		return c.Passcode, nil
	case c.Request != "":
		return c.Request, nil
	default:
		return "", refused("no token was sent; want it in the header Authorization (Bearer …) or passcode")
	}
}

// Authenticate checks a token.
func (t *tokens) Authenticate(ctx context.Context, c Credentials) (Identity, error) {
	text, err := c.token()
	if err != nil {
		return Identity{}, err
	}
	if len(text) > maxToken {
		return Identity{}, refused("the token has %d bytes, at most %d are allowed", len(text), maxToken)
	}
	claims := jwt.MapClaims{}
	token, err := t.parser.ParseWithClaims(text, claims, t.keys.keyfunc(ctx))
	if err != nil {
		return Identity{}, t.explain(token, err)
	}
	// Who signed it counts on something that isn't known here (RFC 7515, 4.1.11).
	if _, critical := token.Header["crit"]; critical {
		return Identity{}, refused("the token's header has crit, of which nothing is supported")
	}
	return t.identity(claims)
}

// explain says why a token isn't taken, without repeating what it holds. What
// a new token of the same maker doesn't mend goes before its age.
func (t *tokens) explain(token *jwt.Token, err error) error {
	switch {
	case errors.Is(err, errNoKeys):
		return err
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refused("the token is no JWT")
	case token != nil && (token.Method == nil || !slices.Contains(t.algorithms, token.Method.Alg())):
		return refused("the token is not signed with %s", strings.Join(t.algorithms, ", "))
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return refused("the token's key is not known")
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refused("the token's signature is not valid")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return refused("the token is of another issuer")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return refused("the token is for another audience")
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return refused("the token lacks a claim that is needed (iss, aud)")
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return refused("the token is not valid yet")
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	default:
		return refused("the token's claims are not of their types")
	}
}
