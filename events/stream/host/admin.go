package host

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"rollcall.dev/internal/ops"
	"rollcall.dev/internal/problem"
)

// minAdminToken is as long as nobody guesses, in bytes.
const minAdminToken = 16

func checkAdminToken(token string) error {
	switch {
	case token == "":
		return nil
	case len(token) < minAdminToken:
		return fmt.Errorf("--admin-token has %d bytes; want at least %d, such as `openssl rand -hex 16` makes", len(token), minAdminToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("--admin-token can't be sent in a header; want letters, digits and signs without blanks")
	}
	return nil
}

// open are the paths that tell nothing of users: probes and metrics, which
// can't send a token, and what the API looks like.
var open = append(slices.Clone(ops.Paths), "/openapi.json")

// guard asks for the admin token on all but the open paths. Without a token it
// lets everybody through.
func guard(token string, next http.Handler) http.Handler {
	if token == "" {
		return next
	}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(shown)))
		right := strings.EqualFold(scheme, "bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
		if !right && !slices.Contains(open, r.URL.Path) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem.Problem{Status: http.StatusUnauthorized, Title: http.StatusText(http.StatusUnauthorized),
				Detail: "want the header Authorization: Bearer and the token of --admin-token"}.Write(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
