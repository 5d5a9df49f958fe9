package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"rollcall.dev/internal/startstop"
)

// errNoKeys: whether a token is good isn't known, for the keys can't be had.
var errNoKeys = errors.New("the keys of tokens can't be fetched")

const (
	// fetchPause is between two fetches at least: tokens that name keys which
	// nobody has ever seen must not make an edge ask more often.
	fetchPause = 3 * time.Second
	// fetchRetry is when a fetch that failed is tried again.
	fetchRetry = 10 * time.Second
	// fetchTimeout bounds one fetch.
	fetchTimeout = 4 * time.Second
)

// remoteKeys are those that are published at a URL. What was fetched is used
// until something newer is: an outage there lets nobody in whose key isn't
// known, and throws nobody out. One goroutine fetches, for all who wait.
type remoteKeys struct {
	startstop.Runner
	url     string
	refresh time.Duration
	client  *http.Client
	logger  *slog.Logger

	store  *jwkset.MemoryJWKSet
	find   keyfunc.Keyfunc
	wanted chan struct{} // a token named a key that is unknown
	first  chan struct{} // closed when there are keys

	mu      sync.Mutex
	coming  chan struct{} // closed when the next fetch to begin has ended
	fetched time.Time     // when one last succeeded, zero: none did
	err     error         // of the last one
}

func newRemoteKeys(o Options) (*remoteKeys, error) {
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	store := jwkset.NewMemoryStorage()
	find, err := keyfunc.New(keyfunc.Options{Storage: store})
	if err != nil {
		return nil, err
	}
	return &remoteKeys{
		url: o.JWKSURL, refresh: o.JWKSRefresh, logger: logger, store: store, find: find,
		client: &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone(), CheckRedirect: sameSafety},
		wanted: make(chan struct{}, 1), first: make(chan struct{}), coming: make(chan struct{}),
		err: errors.New("they were not asked for yet"),
	}, nil
}

// Start begins to fetch.
func (r *remoteKeys) Start(ctx context.Context) error { return r.Run(ctx, nil, r.run) }

func (r *remoteKeys) run(ctx context.Context) error {
	defer r.client.CloseIdleConnections()
	for {
		wait := r.fetchOnce(ctx)
		if !pause(ctx, fetchPause, nil) || !pause(ctx, wait-fetchPause, r.wanted) {
			return ctx.Err()
		}
	}
}

// pause waits, or until it is cut short; false: ctx has ended.
func pause(ctx context.Context, wait time.Duration, short <-chan struct{}) bool {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-short:
	}
	return true
}

// fetchOnce fetches, and says when to do so again.
func (r *remoteKeys) fetchOnce(ctx context.Context) (again time.Duration) {
	r.mu.Lock()
	done := r.coming
	r.coming = make(chan struct{})
	r.mu.Unlock()
	defer close(done)
	set, err := r.fetch(ctx)
	if err == nil {
		err = r.store.KeyReplaceAll(ctx, set)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	switch {
	case err == nil:
		if r.fetched.IsZero() {
			close(r.first)
		}
		r.fetched = time.Now()
		return r.refresh
	case ctx.Err() == nil:
		r.logger.Error("keys of tokens can't be fetched: those that are known stay in use", "url", r.url, "known", !r.fetched.IsZero(), "reason", err)
	}
	if r.fetched.IsZero() {
		return fetchPause
	}
	return min(fetchRetry, r.refresh)
}

// keyfunc finds the key that a token names; one that names none is checked
// with all.
func (r *remoteKeys) keyfunc(ctx context.Context) jwt.Keyfunc {
	find := r.find.KeyfuncCtx(ctx)
	return func(token *jwt.Token) (any, error) {
		if err := r.ready(); err != nil {
			return nil, err
		}
		key, err := find(token)
		if !errors.Is(err, jwkset.ErrKeyNotFound) {
			return key, err
		}
		if err := r.fetchAnew(ctx); err != nil {
			return nil, err
		}
		return find(token)
	}
}

// fetchAnew waits until what is published now is known.
func (r *remoteKeys) fetchAnew(ctx context.Context) error {
	r.mu.Lock()
	coming := r.coming
	r.mu.Unlock()
	select {
	case r.wanted <- struct{}{}:
	default:
	}
	select {
	case <-coming:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNoKeys, context.Cause(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return fmt.Errorf("%w: %w", errNoKeys, r.err)
	}
	return nil
}

// loaded waits for the first keys.
func (r *remoteKeys) loaded(ctx context.Context) error {
	select {
	case <-r.first:
		return nil
	case <-ctx.Done():
		return errors.Join(r.ready(), context.Cause(ctx))
	}
}

// ready is nil once there are keys.
func (r *remoteKeys) ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched.IsZero() {
		return fmt.Errorf("%w from %s: %w", errNoKeys, r.url, r.err)
	}
	return nil
}

func (r *remoteKeys) age() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fetched.IsZero() {
		return 0
	}
	return time.Since(r.fetched)
}
