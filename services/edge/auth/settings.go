package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Tokens are the settings of --auth=jwt.
type Tokens struct {
	Secret        string        `name:"jwt-secret" default:"" unit:"text of at least 32 bytes" help:"Secret of tokens signed with HS256. Process lists show flags: set the environment variable or --jwt-secret-file instead."`
	SecretFile    string        `name:"jwt-secret-file" default:"" unit:"path" help:"File with that secret; a line break at its end doesn't count."`
	PublicKeyFile string        `name:"jwt-public-key-file" default:"" unit:"path" help:"PEM file with the public keys (RSA, EC, Ed25519) or certificates of who signs tokens: several while one replaces another."`
	JWKSURL       string        `name:"jwt-jwks-url" default:"" unit:"URL" help:"Where the public keys are published as a JSON Web Key Set. An edge takes clients once it has them, and keeps them while they can't be fetched."`
	JWKSRefresh   time.Duration `name:"jwt-jwks-refresh" default:"5m" min:"1s" max:"24h" help:"How often they are fetched anew, besides when a token names a key that is unknown: so long a key that was withdrawn may still be taken."`
	Algorithms    []string      `name:"jwt-algorithms" default:"" unit:"names such as RS256" help:"Signature algorithms that are accepted. Empty: HS256 with a secret, what its keys are made for with a PEM file, RS256, ES256 and EdDSA with a JWKS."`
	Issuer        string        `name:"jwt-issuer" default:"" help:"The iss that a token must have. Empty: any."`
	Audience      []string      `name:"jwt-audience" default:"" unit:"names" help:"A token's aud must hold one of these. Empty: any."`
	Leeway        time.Duration `name:"jwt-leeway" default:"2s" max:"5m" help:"How much the clocks of who signs tokens and of the edge may differ."`
	Cookie        string        `name:"jwt-cookie" default:"" unit:"name" help:"Cookie in which a token may be sent beside the header Authorization of the HTTP request and of CONNECT, and its passcode. Empty: none."`
	ChannelsClaim string        `name:"jwt-channels-claim" default:"rollcall" unit:"name" help:"Claim that says what its bearer may do: {\"join\":[\"room.*\"],\"watch\":[\"*\"],\"send\":[\"room.1\"],\"presence\":[\"alice\"]}."`
	OpenChannels  bool          `name:"jwt-open-channels" default:"false" help:"Who has a token without that claim may join, watch and send to every channel. Without this, nothing. Watching users always needs the claim."`
	EventClaims   []string      `name:"jwt-event-claims" default:"" unit:"names" help:"Claims that go into session.connected, for all who read the log."`
}

// given names the first setting that only tokens need, "" for none.
func (t Tokens) given() string {
	for _, s := range []struct{ value, name string }{
		{t.Secret, "jwt-secret"}, {t.SecretFile, "jwt-secret-file"}, {t.PublicKeyFile, "jwt-public-key-file"},
		{t.JWKSURL, "jwt-jwks-url"}, {t.Cookie, "jwt-cookie"},
	} {
		if s.value != "" {
			return s.name
		}
	}
	return ""
}

// withDefaults fills what an embedder may leave out.
func (t Tokens) withDefaults() Tokens {
	if t.JWKSRefresh == 0 {
		t.JWKSRefresh = 5 * time.Minute
	}
	if t.ChannelsClaim == "" {
		t.ChannelsClaim = "rollcall"
	}
	return t
}

// check refuses what can't work, but for the keys themselves.
func (t Tokens) check() error {
	sources := 0
	for _, source := range []string{t.Secret, t.SecretFile, t.PublicKeyFile, t.JWKSURL} {
		if source != "" {
			sources++
		}
	}
	switch {
	case sources == 0:
		return errors.New("--auth=jwt has no key; want one of --jwt-secret, --jwt-secret-file, --jwt-public-key-file and --jwt-jwks-url")
	case sources > 1:
		return errors.New("--auth=jwt has several sources of keys; want only one of --jwt-secret, --jwt-secret-file, --jwt-public-key-file and --jwt-jwks-url")
	case t.JWKSURL != "" && !isURL(t.JWKSURL):
		return fmt.Errorf("--jwt-jwks-url: %q can't be fetched; want a URL such as https://id.example.org/.well-known/jwks.json", t.JWKSURL)
	case t.Cookie != "" && (&http.Cookie{Name: t.Cookie, Value: "x"}).Valid() != nil:
		return fmt.Errorf("--jwt-cookie: %q is no name of a cookie; want one such as session", t.Cookie)
	}
	for _, name := range t.EventClaims {
		if secret(name) {
			return fmt.Errorf("--jwt-event-claims: %s is a credential, and the log has many readers; want claims such as tenant", name)
		}
	}
	return nil
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func secret(name string) bool {
	return slices.Contains([]string{"passcode", "authorization"}, strings.ToLower(name))
}
