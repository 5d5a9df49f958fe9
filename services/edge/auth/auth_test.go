package auth

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"rollcall.dev/services/edge/grant"
)

func TestModeMustBeNamed(t *testing.T) {
	for _, mode := range []string{"", "JWT", "None", "no"} {
		a, err := New(Options{Mode: mode})
		if err == nil || a != nil {
			t.Errorf("mode %q was accepted", mode)
			continue
		}
		if !strings.Contains(err.Error(), "none") || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("mode %q: %q doesn't say in one line what would be right", mode, err)
		}
	}
	if _, err := New(Options{Mode: None}); err != nil {
		t.Fatal(err)
	}
}

func TestNoneTakesTheLoginForTheUser(t *testing.T) {
	a, err := New(Options{Mode: None})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		login string
		ok    bool
	}{
		{"alice", true},
		{"Ångström", true},
		{strings.Repeat("x", 128), true},
		{"", false},
		{strings.Repeat("x", 129), false},
		{"a\nb", false},
		{"a\x00b", false},
		{"\xff", false},
	} {
		id, err := a.Authenticate(t.Context(), Credentials{Login: tc.login, Passcode: "x"})
		if tc.ok && (err != nil || id.User != tc.login || id.May != grant.Everything()) {
			t.Errorf("%q: got %+v, %v", tc.login, id, err)
		}
		if !tc.ok && !errors.Is(err, ErrRefused) {
			t.Errorf("%q: got %v, want ErrRefused", tc.login, err)
		}
	}
}

// What can't work stops the start, in one line that names the flag and says
// what would be right.
func TestSettingsThatCannotWork(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	odd := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	private := &pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(ecKey()))}
	missing := filepath.Join(t.TempDir(), "missing")
	for name, tc := range map[string]struct {
		set  Tokens
		want string
	}{
		"no key":             {Tokens{}, "has no key; want one of --jwt-secret"},
		"two sources":        {Tokens{Secret: testSecret, JWKSURL: "https://id.test"}, "want only one of"},
		"short secret":       {Tokens{Secret: "secret"}, "--jwt-secret has 6 bytes, HS256 needs at least 32"},
		"short for HS512":    {Tokens{Secret: testSecret, Algorithms: []string{"HS256", "HS512"}}, "HS512 needs at least 64"},
		"short secret file":  {Tokens{SecretFile: file(t, []byte("secret\n"))}, "--jwt-secret-file has 6 bytes"},
		"no secret file":     {Tokens{SecretFile: missing}, "--jwt-secret-file: open"},
		"no key file":        {Tokens{PublicKeyFile: missing}, "--jwt-public-key-file: open"},
		"empty key file":     {Tokens{PublicKeyFile: file(t, []byte("\n"))}, "is empty; want blocks of"},
		"no PEM":             {Tokens{PublicKeyFile: file(t, []byte("ssh-ed25519 AAAA"))}, "is no PEM file"},
		"rubbish behind":     {Tokens{PublicKeyFile: file(t, append(must(readFile(pemFile(t, ecKey()))), "x"...))}, "is no PEM file"},
		"broken key":         {Tokens{PublicKeyFile: pemFile(t, &pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})}, "--jwt-public-key-file: "},
		"private key":        {Tokens{PublicKeyFile: pemFile(t, private)}, "want the public one"},
		"another block":      {Tokens{PublicKeyFile: pemFile(t, &pem.Block{Type: "X509 CRL"})}, `holds a "X509 CRL"; want a PUBLIC KEY`},
		"small RSA key":      {Tokens{PublicKeyFile: pemFile(t, small)}, "RSA key of 1024 bits; want at least 2048"},
		"odd curve":          {Tokens{PublicKeyFile: pemFile(t, odd)}, "want RSA, EC"},
		"none":               {Tokens{Secret: testSecret, Algorithms: []string{"none"}}, `"none" is not for these keys; want some of HS256`},
		"RS256 by secret":    {Tokens{Secret: testSecret, Algorithms: []string{"RS256"}}, `"RS256" is not for these keys`},
		"HS256 by key":       {Tokens{PublicKeyFile: pemFile(t, rsaKey()), Algorithms: []string{"HS256"}}, `"HS256" is not for these keys; want some of RS256`},
		"HS256 by JWKS":      {Tokens{JWKSURL: "https://id.test/", Algorithms: []string{"HS256"}}, `"HS256" is not for these keys`},
		"ES256 by RSA key":   {Tokens{PublicKeyFile: pemFile(t, rsaKey()), Algorithms: []string{"ES256"}}, "want some of RS256"},
		"no URL":             {Tokens{JWKSURL: "id.test/jwks"}, "--jwt-jwks-url: "},
		"URL of a file":      {Tokens{JWKSURL: "file:///jwks.json"}, "want a URL such as https"},
		"no cookie":          {Tokens{Secret: testSecret, Cookie: "a b"}, "--jwt-cookie: "},
		"credential for all": {Tokens{Secret: testSecret, EventClaims: []string{"tenant", "Passcode"}}, "--jwt-event-claims: Passcode is a credential"},
	} {
		a, err := New(Options{Mode: JWT, Tokens: tc.set})
		if err == nil || a != nil || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\r\n") {
			t.Errorf("%s: %v; want …%s…", name, err, tc.want)
		}
		if err != nil && (strings.Contains(err.Error(), testSecret) || tc.set.Secret == "secret" && strings.Contains(err.Error(), `"secret"`)) {
			t.Errorf("%s: the secret shows in %q", name, err)
		}
	}
	if _, err := New(Options{Mode: None, Tokens: withSecret(nil)}); err == nil || !strings.Contains(err.Error(), "--jwt-secret is set; want --auth=jwt") {
		t.Errorf("none with a secret: %v", err)
	}
}

// The algorithms follow from the keys, unless they are named.
func TestAlgorithms(t *testing.T) {
	for want, set := range map[string]Tokens{
		"HS256":             {SecretFile: file(t, []byte(testSecret+"\r\n"))},
		"HS512 HS384":       {Secret: testSecret + testSecret, Algorithms: []string{"HS512", "HS384"}},
		"RS256":             {PublicKeyFile: pemFile(t, rsaKey())},
		"ES256 EdDSA RS256": {PublicKeyFile: pemFile(t, ecKey(), edKey(), rsaKey())},
		"PS256":             {PublicKeyFile: pemFile(t, rsaKey()), Algorithms: []string{"PS256"}},
		"RS256 ES256 EdDSA": {JWKSURL: "https://id.test/"},
		"ES384":             {JWKSURL: "http://id.test/", JWKSRefresh: time.Second, Algorithms: []string{"ES384"}},
	} {
		a := newAuth(t, set)
		if got := strings.Join(a.Authenticator.(*tokens).algorithms, " "); got != want {
			t.Errorf("%+v: %s, want %s", set, got, want)
		}
	}
}

func readFile(path string) ([]byte, error) { return os.ReadFile(path) }
