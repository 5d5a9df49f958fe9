package auth

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/events/schema"
)

// FuzzCredentials: whatever stands in the headers, nothing panics, nobody is
// let in without a signature of ours, and the text of a refusal is short, UTF-8
// and one line. With sound, the payload is signed with the right secret: then
// what is let in is a legal user.
func FuzzCredentials(f *testing.F) {
	good := hs256(jwt.MapClaims{"exp": 4102444800}) // the same in every run, as corpora need it
	f.Add("Bearer "+good, "", "", false)
	f.Add("bearer\t"+good, good, good, false)
	f.Add("", strings.Replace(good, ".", "..", 1), "", false)
	f.Add("", sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.MapClaims{"sub": "alice"}), "", false)
	f.Add("Basic YWxpY2U6", "", good, false)
	f.Add("", "", forged(`{"alg":"HS256","kid":"../../dev/null","crit":["x"]}`, `{"sub":"alice","exp":0}`, "AAAA"), false)
	f.Add(`{"alg":"HS256"}`, `{"sub":"alice","exp":1e300,"rollcall":{"join":["*"]}}`, "", true)
	f.Add(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"a\u0000b","nbf":-1}`, "", true)
	f.Add(`{"alg":"HS256"}`, `{"sub":"alice","tenant":{"a":[1,null,"\ud800"]},"rollcall":null}`, "", true)
	f.Add(`{"alg":"HS256"}`, `null`, "", true)
	a := newAuth(f, withSecret(func(s *Tokens) { s.EventClaims = []string{"tenant"} }))
	f.Fuzz(func(t *testing.T, authorization, passcode, request string, sound bool) {
		c := Credentials{Authorization: authorization, Passcode: passcode, Request: request}
		if sound {
			unsigned := strings.TrimSuffix(forged(authorization, passcode, ""), ".")
			signature := must(jwt.SigningMethodHS256.Sign(unsigned, []byte(testSecret)))
			c = Credentials{Passcode: forged(authorization, passcode, base64.RawURLEncoding.EncodeToString(signature))}
		}
		who, err := a.Authenticate(t.Context(), c)
		if err == nil {
			if schema.CheckUser(who.User) != nil {
				t.Fatalf("user %q", who.User)
			}
			if !sound && !strings.Contains(authorization, good) && passcode != good && request != good {
				t.Fatalf("let in without a signature: %+v", c)
			}
			return
		}
		if text := err.Error(); !errors.Is(err, ErrRefused) || len(text) > 1000 || !utf8.ValidString(text) || strings.ContainsAny(text, "\r\n\x00") {
			t.Fatalf("error %q", text)
		}
	})
}
