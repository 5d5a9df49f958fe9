package auth

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

// issuer publishes keys, in the place of the network.
type issuer struct {
	mu     sync.Mutex
	body   string
	status int           // 0: 200
	takes  time.Duration // to answer
	asked  int
}

func (i *issuer) RoundTrip(req *http.Request) (*http.Response, error) {
	i.mu.Lock()
	i.asked++
	body, status, takes := i.body, i.status, i.takes
	i.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if status < 0 {
		return nil, errors.New("connection refused")
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func (i *issuer) set(change func()) { i.mu.Lock(); defer i.mu.Unlock(); change() }

// count is how often it was asked since the last call.
func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := i.asked
	i.asked = 0
	return n
}

// keySet publishes public keys by their ids, given in turn.
func keySet(pairs ...any) string {
	var set jwkset.JWKSMarshal
	for i := 0; i < len(pairs); i += 2 {
		key := must(jwkset.NewJWKFromKey(pairs[i+1].(crypto.Signer).Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: pairs[i].(string)}}))
		set.Keys = append(set.Keys, key.Marshal())
	}
	return string(must(json.Marshal(set)))
}

// remote starts mode jwt with a JWKS; it ends with the test.
func remote(t *testing.T, i *issuer) *Auth {
	t.Helper()
	a := newAuth(t, Tokens{JWKSURL: "https://id.test/jwks", JWKSRefresh: time.Minute})
	a.remote.client.Transport = i
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *Auth) try(t *testing.T, token string) error {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	_, err := a.Authenticate(ctx, Credentials{Passcode: token})
	return err
}

func by(kid string) string { return sign(jwt.SigningMethodES256, ecKey(), claims(nil), "kid", kid) }

// A new key is taken when the first token names it, an old one until what is
// published without it is fetched.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{body: keySet("a", ecKey())}
		a := remote(t, i)
		if err := a.Loaded(t.Context()); err != nil {
			t.Fatal(err)
		}
		byA, byB := by("a"), sign(jwt.SigningMethodEdDSA, edKey(), claims(nil), "kid", "b")
		nameless := sign(jwt.SigningMethodES256, ecKey(), claims(nil))
		for _, token := range []string{byA, nameless} {
			if err := a.try(t, token); err != nil {
				t.Fatal(err)
			}
		}
		i.set(func() { i.body = keySet("b", edKey()) })
		if err := a.try(t, byA); err != nil {
			t.Errorf("before it is known that the key was withdrawn: %v", err)
		}
		if err := a.try(t, byB); err != nil {
			t.Errorf("signed with the new key: %v", err)
		}
		wantRefused(t, "signed with the old key", a.try(t, byA), "key is not known")
		wantRefused(t, "without naming the old key", a.try(t, nameless), "signature is not valid")

		i.set(func() { i.body = keySet("a", ecKey()) })
		time.Sleep(61 * time.Second)
		wantRefused(t, "after the refresh", a.try(t, byB), "key is not known")
	})
}

// While the keys can't be fetched those that are known are used: nobody is let
// in whose key isn't, and that is no refusal.
func TestOutage(t *testing.T) {
	for name, outage := range map[string]func(*issuer){
		"refused":   func(i *issuer) { i.status = -1 },
		"500":       func(i *issuer) { i.status = 500 },
		"silent":    func(i *issuer) { i.takes = time.Hour },
		"a page":    func(i *issuer) { i.body = "<html>" },
		"no keys":   func(i *issuer) { i.body = `{"keys":[]}` },
		"no set":    func(i *issuer) { i.body = `{}` },
		"null":      func(i *issuer) { i.body = `null` },
		"other use": func(i *issuer) { i.body = strings.Replace(keySet("b", edKey()), `{"kty"`, `{"use":"enc","kty"`, 1) },
		"secrets":   func(i *issuer) { i.body = `{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"b","alg":"HS256"}]}` },
		"endless":   func(i *issuer) { i.body = strings.Repeat(" ", maxKeySet) + keySet("b", edKey()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{body: keySet("a", ecKey())}
				a := remote(t, i)
				synctest.Wait()
				i.set(func() { outage(i) })
				for range 3 {
					time.Sleep(5 * time.Minute)
					if err := a.try(t, by("a")); err != nil || a.Ready() != nil {
						t.Fatalf("a key that is known: %v, %v", err, a.Ready())
					}
					err := a.try(t, sign(jwt.SigningMethodEdDSA, edKey(), claims(nil), "kid", "b"))
					if err == nil || errors.Is(err, ErrRefused) {
						t.Fatalf("a key that isn't: %v", err)
					}
				}
				i.set(func() { i.body, i.status, i.takes = keySet("b", edKey()), 0, 0 })
				time.Sleep(11 * time.Second)
				if err := a.try(t, sign(jwt.SigningMethodEdDSA, edKey(), claims(nil), "kid", "b")); err != nil {
					t.Errorf("after the outage: %v", err)
				}
			})
		})
	}
}

// An edge that starts during an outage waits, says for what, and tries again.
func TestOutageAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		i := &issuer{status: http.StatusNotFound}
		a, err := New(Options{Mode: JWT, Tokens: Tokens{JWKSURL: "https://id.test/jwks"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		a.remote.client.Transport = i
		if err := a.Ready(); err == nil || !strings.Contains(err.Error(), "https://id.test/jwks") {
			t.Errorf("before the start: %v", err)
		}
		if err := a.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if err := a.Loaded(ctx); err == nil || !strings.Contains(err.Error(), "is --jwt-jwks-url right?") {
			t.Errorf("during the outage: %v", err)
		}
		if err := a.try(t, by("a")); err == nil || errors.Is(err, ErrRefused) {
			t.Errorf("during the outage: %v", err)
		}
		i.set(func() { i.status, i.body = 0, keySet("a", ecKey()) })
		time.Sleep(fetchPause)
		synctest.Wait()
		if err := errors.Join(a.Ready(), a.Loaded(t.Context()), a.try(t, by("a"))); err != nil {
			t.Error(err)
		}
		if err := a.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "\n"); n != 4 || !strings.Contains(log.String(), "https://id.test/jwks") {
			t.Errorf("logged %d lines: %s", n, log.String())
		}
	})
}

// Tokens that name keys nobody knows don't have the issuer asked more often
// than once in a while, nor do they keep a new key out.
func TestUnknownKeysAreAskedForOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{body: keySet("a", ecKey())}
		a := remote(t, i)
		synctest.Wait()
		i.count()
		began := time.Now()
		var wg sync.WaitGroup
		for range 300 {
			for range 10 {
				wg.Go(func() { wantRefused(t, "unknown", a.try(t, by("unknown")), "key is not known") })
			}
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if n, most := i.count(), int(time.Since(began)/fetchPause)+1; n > most || n < 5 {
			t.Errorf("asked %d times in %v", n, time.Since(began))
		}
		i.set(func() { i.body = keySet("b", ecKey()) })
		if err := a.try(t, by("b")); err != nil {
			t.Errorf("a new key: %v", err)
		}
	})
}

// An alg that the key isn't for is none, and no reason to ask.
func TestRemoteKeysAreOfTheirAlgorithm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{body: strings.Replace(keySet("a", rsaKey()), `{"kty"`, `{"alg":"RS512","kty"`, 1)}
		a := remote(t, i)
		synctest.Wait()
		i.count()
		wantRefused(t, "alg of the key", a.try(t, sign(jwt.SigningMethodRS256, rsaKey(), claims(nil), "kid", "a")), "key is not known")
		wantRefused(t, "HS256", a.try(t, sign(jwt.SigningMethodHS256, rsaKey().N.Bytes(), claims(nil), "kid", "a")), "not signed with RS256")
		wantRefused(t, "a kid that is none", a.try(t, forged(`{"alg":"RS256","kid":7}`, `{"sub":"alice"}`, "AAAA")), "key is not known")
		if n := i.count(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Keys that aren't understood, or too weak, don't take away the others.
func TestKeysOfNoUseAreLeftOut(t *testing.T) {
	set := strings.Replace(keySet("a", ecKey()), `"keys":[`, `"keys":[{"kty":"post-quantum"},{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"weak"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},7,null,`, 1)
	keys, err := parseKeySet([]byte(set))
	if err != nil || len(keys) != 1 || keys[0].Marshal().KID != "a" {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestRedirects(t *testing.T) {
	from := func(urls ...string) (via []*http.Request) {
		for _, u := range urls {
			via = append(via, must(http.NewRequest(http.MethodGet, u, nil)))
		}
		return via
	}
	for _, tc := range []struct {
		to  string
		via []*http.Request
		ok  bool
	}{
		{"https://b.test/", from("https://a.test"), true},
		{"http://b.test/", from("http://a.test"), true},
		{"http://b.test/", from("https://a.test"), false},
		{"http://c.test/", from("https://a.test", "https://b.test"), false},
		{"https://b.test/", from("https://a.test", "https://a.test", "https://a.test", "https://a.test"), false},
	} {
		if err := sameSafety(from(tc.to)[0], tc.via); (err == nil) != tc.ok {
			t.Errorf("%s after %d: %v", tc.to, len(tc.via), err)
		}
	}
}

func TestRemoteKeysStress(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service {
		r, err := newRemoteKeys(Options{Tokens: Tokens{JWKSURL: "https://id.test", JWKSRefresh: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		r.client.Transport = &issuer{body: keySet("a", ecKey())}
		return r
	})
}
