package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/MicahParks/jwkset"
)

// maxKeySet bounds what is read of a key set, in bytes.
const maxKeySet = 1 << 20

// sameSafety follows redirects, but none from HTTPS to HTTP: who can change
// what comes over the latter could let anybody in.
func sameSafety(req *http.Request, via []*http.Request) error {
	switch {
	case len(via) > 3:
		return errors.New("it redirects too often")
	case via[0].URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("it redirects to %s, which is not safe", req.URL.Redacted())
	}
	return nil
}

// fetch gets the key set.
func (r *remoteKeys) fetch(ctx context.Context) ([]jwkset.JWK, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	switch {
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %s; want a JSON Web Key Set: is --jwt-jwks-url right?", res.Status)
	case err != nil:
		return nil, fmt.Errorf("read the key set: %w", err)
	case len(body) > maxKeySet:
		return nil, fmt.Errorf("the key set has more than %d bytes", maxKeySet)
	}
	return parseKeySet(body)
}

// parseKeySet takes the keys that may check signatures. Others, such as those
// for encryption or of kinds unknown, are left out; a set without any of use is
// no set, but an outage.
func parseKeySet(body []byte) ([]jwkset.JWK, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, fmt.Errorf("it answers no JSON Web Key Set: %w", err)
	}
	var usable []jwkset.JWK
	for _, raw := range set.Keys {
		var m jwkset.JWKMarshal
		if json.Unmarshal(raw, &m) != nil || m.USE != "" && m.USE != jwkset.UseSig {
			continue
		}
		key, err := jwkset.NewJWKFromMarshal(m, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
		if err != nil {
			continue
		}
		if _, err := algorithmsOf(key.Key()); err != nil {
			continue
		}
		usable = append(usable, key)
	}
	if len(usable) == 0 {
		return nil, fmt.Errorf("none of its %d keys can check signatures; want RSA, EC or Ed25519 keys", len(set.Keys))
	}
	return usable, nil
}
