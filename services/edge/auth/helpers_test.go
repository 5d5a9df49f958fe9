package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/internal/leakcheck"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

const testSecret = "0123456789abcdef0123456789abcdef"

// Keys of all kinds, made once.
var (
	rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	ecKey  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	edKey  = sync.OnceValue(func() ed25519.PrivateKey {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return must(private, err)
	})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// claims are those of a good token, with changes; nil takes one away.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix(), "rollcall": map[string]any{"join": []any{"room.*"}}}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// sign makes a token; headers come in pairs.
func sign(method jwt.SigningMethod, key any, c jwt.MapClaims, headers ...string) string {
	t := jwt.NewWithClaims(method, c)
	for i := 0; i+1 < len(headers); i += 2 {
		t.Header[headers[i]] = headers[i+1]
	}
	return must(t.SignedString(key))
}

// hs256 makes one with the test's secret.
func hs256(changes jwt.MapClaims) string {
	return sign(jwt.SigningMethodHS256, []byte(testSecret), claims(changes))
}

// pemFile writes public keys, or other blocks as they are.
func pemFile(t testing.TB, keys ...any) string {
	t.Helper()
	var content []byte
	for _, key := range keys {
		block, ok := key.(*pem.Block)
		if !ok {
			block = &pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(key.(crypto.Signer).Public()))}
		}
		content = append(content, pem.EncodeToMemory(block)...)
	}
	return file(t, content)
}

func file(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newAuth is mode jwt.
func newAuth(t testing.TB, set Tokens) *Auth {
	t.Helper()
	a, err := New(Options{Mode: JWT, Tokens: set})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func withSecret(change func(*Tokens)) Tokens {
	set := Tokens{Secret: testSecret}
	if change != nil {
		change(&set)
	}
	return set
}
