package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// keys find the key that a token is to be checked with. ctx bounds the search.
type keys interface {
	keyfunc(ctx context.Context) jwt.Keyfunc
}

// fixed are keys that are known from the start.
type fixed jwt.VerificationKeySet

func (f fixed) keyfunc(context.Context) jwt.Keyfunc {
	return func(*jwt.Token) (any, error) { return jwt.VerificationKeySet(f), nil }
}

// families of algorithms. Those of one never check a token with a key of
// another.
var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	rsaAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	remoteAlgorithms = slices.Concat(rsaAlgorithms, []string{"ES256", "ES384", "ES512", "EdDSA"})
)

// choose are the algorithms that are accepted: those asked for, which must be
// possible, or else the default.
func choose(asked, possible, byDefault []string) ([]string, error) {
	if len(asked) == 0 {
		return byDefault, nil
	}
	for _, name := range asked {
		if !slices.Contains(possible, name) {
			return nil, fmt.Errorf("--jwt-algorithms: %q is not for these keys; want some of %s", name, strings.Join(possible, ", "))
		}
	}
	return asked, nil
}

// hashSize is that of HS256 and its like, in bytes; a secret is not shorter
// (RFC 7518, 3.2).
func hashSize(algorithm string) int {
	return map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[algorithm]
}

// secretKey takes the secret, or reads it.
func secretKey(t Tokens) (fixed, []string, error) {
	flag, secret := "jwt-secret", []byte(t.Secret)
	if t.SecretFile != "" {
		flag = "jwt-secret-file"
		content, err := os.ReadFile(t.SecretFile)
		if err != nil {
			return fixed{}, nil, fmt.Errorf("--%s: %w", flag, err)
		}
		secret = []byte(strings.TrimRight(string(content), "\r\n"))
	}
	algorithms, err := choose(t.Algorithms, secretAlgorithms, []string{"HS256"})
	if err != nil {
		return fixed{}, nil, err
	}
	for _, a := range algorithms {
		if n := hashSize(a); len(secret) < n {
			return fixed{}, nil, fmt.Errorf("--%s has %d bytes, %s needs at least %d; `openssl rand -base64 %d` makes a good one", flag, len(secret), a, n, n)
		}
	}
	return fixed{Keys: []jwt.VerificationKey{secret}}, algorithms, nil
}

// publicKeys reads the PEM file.
func publicKeys(t Tokens) (fixed, []string, error) {
	content, err := os.ReadFile(t.PublicKeyFile)
	if err != nil {
		return fixed{}, nil, fmt.Errorf("--jwt-public-key-file: %w", err)
	}
	var set fixed
	var possible, byDefault []string
	for len(strings.TrimSpace(string(content))) > 0 {
		block, rest := pem.Decode(content)
		if block == nil {
			return fixed{}, nil, fmt.Errorf("--jwt-public-key-file: %s is no PEM file; want blocks of -----BEGIN PUBLIC KEY-----", t.PublicKeyFile)
		}
		content = rest
		key, err := publicKey(block)
		if err != nil {
			return fixed{}, nil, fmt.Errorf("--jwt-public-key-file: %s: %w", t.PublicKeyFile, err)
		}
		fit, err := algorithmsOf(key)
		if err != nil {
			return fixed{}, nil, fmt.Errorf("--jwt-public-key-file: %s: %w", t.PublicKeyFile, err)
		}
		set.Keys = append(set.Keys, key)
		possible, byDefault = append(possible, fit...), append(byDefault, fit[0])
	}
	if len(set.Keys) == 0 {
		return fixed{}, nil, fmt.Errorf("--jwt-public-key-file: %s is empty; want blocks of -----BEGIN PUBLIC KEY-----", t.PublicKeyFile)
	}
	algorithms, err := choose(t.Algorithms, possible, byDefault)
	return set, algorithms, err
}

func publicKey(block *pem.Block) (any, error) {
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("holds a private key, which belongs to who signs tokens alone; want the public one (openssl pkey -pubout)")
	default:
		return nil, fmt.Errorf("holds a %q; want a PUBLIC KEY", block.Type)
	}
}

// minRSA is the size of an RSA key that is still taken, in bits (RFC 7518, 3.3).
const minRSA = 2048

// algorithmsOf are those that a public key is made for, the usual one first.
func algorithmsOf(key any) ([]string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA {
			return nil, fmt.Errorf("holds an RSA key of %d bits; want at least %d", n, minRSA)
		}
		return rsaAlgorithms, nil
	case *ecdsa.PublicKey:
		if name, ok := map[int]string{256: "ES256", 384: "ES384", 521: "ES512"}[key.Curve.Params().BitSize]; ok {
			return []string{name}, nil
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}, nil
	}
	return nil, fmt.Errorf("holds a key that signs no tokens (%T); want RSA, EC (P-256, P-384, P-521) or Ed25519", key)
}
