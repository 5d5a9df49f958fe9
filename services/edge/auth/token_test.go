package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/services/edge/grant"
)

// wantRefused wants ErrRefused with a text that is fit for the client.
func wantRefused(t *testing.T, name string, err error, text string) {
	t.Helper()
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), text) || len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\r\n\x00") {
		t.Errorf("%s: %v; want a refusal with …%s…", name, err, text)
	}
}

func TestTokenOfEachKind(t *testing.T) {
	for name, tc := range map[string]struct {
		set   Tokens
		token string
	}{
		"secret":  {withSecret(nil), hs256(nil)},
		"RSA":     {Tokens{PublicKeyFile: pemFile(t, rsaKey())}, sign(jwt.SigningMethodRS256, rsaKey(), claims(nil))},
		"EC":      {Tokens{PublicKeyFile: pemFile(t, ecKey())}, sign(jwt.SigningMethodES256, ecKey(), claims(nil))},
		"Ed25519": {Tokens{PublicKeyFile: pemFile(t, edKey())}, sign(jwt.SigningMethodEdDSA, edKey(), claims(nil))},
		"second":  {Tokens{PublicKeyFile: pemFile(t, rsaKey(), ecKey())}, sign(jwt.SigningMethodES256, ecKey(), claims(nil))},
	} {
		who, err := newAuth(t, tc.set).Authenticate(t.Context(), Credentials{Passcode: tc.token, Login: "mallory"})
		if err != nil || who.User != "alice" || !who.May.MayJoin("room.1") || who.May.MaySend("room.1") || who.Claims != nil {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if left := time.Until(who.ExpiresAt); left < 59*time.Minute || left > time.Hour {
			t.Errorf("%s: expires in %v", name, left)
		}
	}
}

// What comes with the frame goes before what came with the HTTP request.
func TestWhereTheTokenIs(t *testing.T) {
	a := newAuth(t, withSecret(func(s *Tokens) { s.Cookie = "session" }))
	of := func(user string) string { return hs256(jwt.MapClaims{"sub": user}) }
	for name, tc := range map[string]struct {
		c    Credentials
		user string // or what is wrong
	}{
		"Authorization":             {Credentials{Authorization: "Bearer " + of("a"), Passcode: of("b"), Request: of("c")}, "a"},
		"Authorization, lower case": {Credentials{Authorization: " bearer  " + of("a") + " "}, "a"},
		"passcode":                  {Credentials{Passcode: of("b"), Request: of("c")}, "b"},
		"request":                   {Credentials{Request: of("c")}, "c"},
		"none":                      {Credentials{Login: "alice"}, "no token was sent; want it in"},
		"another scheme":            {Credentials{Authorization: "Basic YWxpY2U6", Request: of("c")}, "want Bearer and a token"},
		"no scheme":                 {Credentials{Authorization: of("a")}, "want Bearer and a token"},
		"no token":                  {Credentials{Authorization: "Bearer "}, "want Bearer and a token"},
	} {
		who, err := a.Authenticate(t.Context(), tc.c)
		if err != nil {
			wantRefused(t, name, err, tc.user)
		} else if who.User != tc.user {
			t.Errorf("%s: %s, want %s", name, who.User, tc.user)
		}
	}
	for want, headers := range map[string]http.Header{
		"":  {"Authorization": {"Basic YWxpY2U6"}, "Cookie": {"other=x"}},
		"a": {"Authorization": {"Bearer a"}, "Cookie": {"session=c"}},
		"c": {"Authorization": {"Basic YWxpY2U6"}, "Cookie": {"other=x; session=c"}},
	} {
		if got := a.FromRequest(&http.Request{Header: headers}); got != want {
			t.Errorf("%v: %q, want %q", headers, got, want)
		}
	}
	if got := newAuth(t, withSecret(nil)).FromRequest(&http.Request{Header: http.Header{"Cookie": {"session=c"}}}); got != "" {
		t.Errorf("a cookie that isn't asked for: %q", got)
	}
}

// forged puts together what no library would sign.
func forged(header, payload, signature string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + "." + signature
}

// Whatever isn't signed with a key and an algorithm of the settings is refused.
func TestForgedTokens(t *testing.T) {
	public := must(x509.MarshalPKIXPublicKey(rsaKey().Public()))
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	good := sign(jwt.SigningMethodRS256, rsaKey(), claims(nil))
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	other := sign(jwt.SigningMethodRS256, rsaKey(), claims(jwt.MapClaims{"sub": "bob"}))
	const body = `{"sub":"alice"}`
	a := newAuth(t, Tokens{PublicKeyFile: pemFile(t, rsaKey(), ecKey())})
	for name, tc := range map[string]struct{ token, want string }{
		"alg none":                     {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(nil)), "not signed with RS256, ES256"},
		"alg None":                     {forged(`{"alg":"None"}`, body, ""), "not signed with RS256"},
		"alg nOnE with a signature":    {forged(`{"alg":"nOnE"}`, body, signature), "not signed with RS256"},
		"no alg":                       {forged(`{}`, body, signature), "not signed with RS256"},
		"alg null":                     {forged(`{"alg":null}`, body, signature), "not signed with RS256"},
		"alg a list":                   {forged(`{"alg":["RS256"]}`, body, signature), "not signed with RS256"},
		"two algs":                     {forged(`{"alg":"RS256","alg":"none"}`, body, signature), "not signed with RS256"},
		"header null":                  {forged(`null`, body, signature), "not signed with RS256"},
		"HS256 by the public key, PEM": {sign(jwt.SigningMethodHS256, asPEM, claims(nil)), "not signed with RS256"},
		"HS256 by the public key, DER": {sign(jwt.SigningMethodHS256, public, claims(nil)), "not signed with RS256"},
		"an algorithm not in the list": {sign(jwt.SigningMethodRS512, rsaKey(), claims(nil)), "not signed with RS256"},
		"a key of its own":             {forged(`{"alg":"RS256","jwk":{"kty":"RSA","n":"AQAB","e":"AQAB"},"jku":"https://evil.test"}`, body, signature), "signature is not valid"},
		"another's signature":          {head + "." + payload + "." + other[strings.LastIndex(other, ".")+1:], "signature is not valid"},
		"no signature":                 {head + "." + payload + ".", "signature is not valid"},
		"no third part":                {head + "." + payload, "is no JWT"},
		"five parts":                   {good + "..", "is no JWT"},
		"not base64":                   {head + "." + payload + ".%%%", "is no JWT"},
		"a loose end":                  {good[:len(good)-1] + "_", "is no JWT"},
		"no JSON":                      {forged(`{"alg":`, body, signature), "is no JWT"},
		"payload a list":               {forged(`{"alg":"RS256"}`, `[]`, signature), "is no JWT"},
		"payload null":                 {forged(`{"alg":"RS256"}`, `null`, signature), "signature is not valid"},
		"words":                        {"open sesame", "is no JWT"},
		"control characters":           {"a\x00b\r\n.c.d", "is no JWT"},
		"100 KB":                       {good + strings.Repeat("A", 100<<10), "at most 8192 are allowed"},
		"crit":                         {sign(jwt.SigningMethodRS256, rsaKey(), claims(nil), "crit", "b64"), "crit, of which nothing is supported"},
	} {
		who, err := a.Authenticate(t.Context(), Credentials{Authorization: "Bearer " + strings.ReplaceAll(tc.token, " ", "")})
		if err == nil {
			t.Errorf("%s: taken for %+v", name, who)
			continue
		}
		wantRefused(t, name, err, tc.want)
	}
	if _, err := a.Authenticate(t.Context(), Credentials{Passcode: good}); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// A key that was taken out of the file checks nothing any more.
func TestRotatedOutOfTheFile(t *testing.T) {
	token := sign(jwt.SigningMethodES256, ecKey(), claims(nil))
	_, err := newAuth(t, Tokens{PublicKeyFile: pemFile(t, edKey(), rsaKey()), Algorithms: []string{"RS256", "EdDSA"}}).
		Authenticate(t.Context(), Credentials{Passcode: token})
	wantRefused(t, "another algorithm", err, "not signed with RS256, EdDSA")
	other := sign(jwt.SigningMethodHS256, []byte(strings.ToUpper(testSecret)), claims(nil))
	_, err = newAuth(t, withSecret(nil)).Authenticate(t.Context(), Credentials{Passcode: other})
	wantRefused(t, "another secret", err, "signature is not valid")
}

func TestClaimsThatAreRefused(t *testing.T) {
	now := time.Now()
	a := newAuth(t, withSecret(func(s *Tokens) {
		s.Issuer, s.Audience, s.Leeway, s.EventClaims = "https://id.test", []string{"chat", "rollcall"}, 5*time.Second, []string{"tenant"}
	}))
	good := jwt.MapClaims{"iss": "https://id.test", "aud": []any{"web", "chat"}}
	for name, tc := range map[string]struct {
		changes jwt.MapClaims
		want    string
	}{
		"expired":              {jwt.MapClaims{"exp": now.Add(-6 * time.Second).Unix()}, "the token has expired"},
		"exp 0":                {jwt.MapClaims{"exp": 0}, "the token has expired"},
		"exp negative":         {jwt.MapClaims{"exp": -1}, "the token has expired"},
		"exp for ever":         {jwt.MapClaims{"exp": int64(1e15)}, "out of range"},
		"exp beyond numbers":   {jwt.MapClaims{"exp": 1e300}, "the token"},
		"exp a text":           {jwt.MapClaims{"exp": "tomorrow"}, "not of their types"},
		"not yet valid":        {jwt.MapClaims{"nbf": now.Add(time.Minute).Unix()}, "not valid yet"},
		"nbf beyond numbers":   {jwt.MapClaims{"nbf": 1e300}, "out of range"},
		"no sub":               {jwt.MapClaims{"sub": nil}, "sub: user id is empty"},
		"empty sub":            {jwt.MapClaims{"sub": ""}, "sub: user id is empty"},
		"sub with a newline":   {jwt.MapClaims{"sub": "a\nb"}, "control characters"},
		"sub with NUL":         {jwt.MapClaims{"sub": "a\x00b"}, "control characters"},
		"long sub":             {jwt.MapClaims{"sub": strings.Repeat("x", 129)}, "at most 128"},
		"sub a number":         {jwt.MapClaims{"sub": 7}, "sub is no text"},
		"wrong issuer":         {jwt.MapClaims{"iss": "https://id.test.evil"}, "of another issuer"},
		"no issuer":            {jwt.MapClaims{"iss": nil}, "lacks a claim"},
		"wrong audience":       {jwt.MapClaims{"aud": "billing"}, "for another audience"},
		"no audience":          {jwt.MapClaims{"aud": nil}, "lacks a claim"},
		"wrong and expired":    {jwt.MapClaims{"iss": "x", "exp": now.Add(-time.Hour).Unix()}, "of another issuer"},
		"rights a text":        {jwt.MapClaims{"rollcall": "*"}, `claim "rollcall": it is a string`},
		"rights misspelt":      {jwt.MapClaims{"rollcall": map[string]any{"joins": []any{"*"}}}, "fields that are unknown"},
		"rights with a number": {jwt.MapClaims{"rollcall": map[string]any{"join": []any{1}}}, "its join holds a number"},
		"much for the log":     {jwt.MapClaims{"tenant": strings.Repeat("x", 4096)}, "more than 4096 bytes"},
	} {
		c := jwt.MapClaims{}
		maps.Copy(c, good)
		maps.Copy(c, tc.changes)
		who, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(c)})
		if err == nil {
			t.Errorf("%s: taken for %+v", name, who)
			continue
		}
		wantRefused(t, name, err, tc.want)
		if errors.Is(err, ErrExpired) != strings.Contains(err.Error(), "has expired") {
			t.Errorf("%s: %v: a newer token mends it, or not", name, err)
		}
	}
	if _, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(good)}); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// Clocks may differ by the leeway. A token that is taken although it has
// expired holds as long as it would be taken.
func TestLeeway(t *testing.T) {
	a := newAuth(t, withSecret(func(s *Tokens) { s.Leeway = time.Minute }))
	exp := time.Now().Add(-10 * time.Second).Truncate(time.Second)
	who, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(jwt.MapClaims{"exp": exp.Unix(), "nbf": time.Now().Add(30 * time.Second).Unix()})})
	if err != nil || !who.ExpiresAt.Equal(exp.Add(time.Minute)) {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestWhatATokenAllows(t *testing.T) {
	for name, tc := range map[string]struct {
		open bool
		c    jwt.MapClaims
		want grant.Grant
	}{
		"no claim":       {false, jwt.MapClaims{"rollcall": nil}, grant.Grant{}},
		"no claim, open": {true, jwt.MapClaims{"rollcall": nil}, grant.EveryChannel()},
		"nothing, open":  {true, jwt.MapClaims{"rollcall": map[string]any{}}, grant.Grant{}},
		"everything":     {false, jwt.MapClaims{"rollcall": map[string]any{"join": []any{"*"}, "watch": []any{"*"}, "send": []any{"*"}, "presence": []any{"*"}}}, grant.Everything()},
	} {
		a := newAuth(t, withSecret(func(s *Tokens) { s.OpenChannels = tc.open }))
		who, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(tc.c)})
		if err != nil || who.May != tc.want {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	a := newAuth(t, withSecret(func(s *Tokens) { s.ChannelsClaim = "https://app.test/rights" }))
	who, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(jwt.MapClaims{"https://app.test/rights": map[string]any{"send": []any{"a"}}})})
	if err != nil || !who.May.MaySend("a") || who.May.MayJoin("room.1") {
		t.Errorf("a claim of another name: %+v, %v", who, err)
	}
}

// Only the claims that are named go to the log, as they are.
func TestClaimsForTheLog(t *testing.T) {
	a := newAuth(t, withSecret(func(s *Tokens) { s.EventClaims = []string{"tenant", "absent"} }))
	who, err := a.Authenticate(t.Context(), Credentials{Passcode: hs256(jwt.MapClaims{"tenant": 9007199254740993, "email": "a@test", "exp": nil})})
	if err != nil || len(who.Claims) != 1 || !who.ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", who, err)
	}
	if n, ok := who.Claims["tenant"].(interface{ String() string }); !ok || n.String() != "9007199254740993" {
		t.Errorf("tenant is %v", who.Claims["tenant"])
	}
}
