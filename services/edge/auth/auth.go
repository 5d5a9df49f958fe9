// Package auth answers who a client is and what it may do.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
)

// Modes of authentication.
const (
	// None believes the login header. It is for trying things out and for
	// edges behind something that has authenticated already, so it is never
	// the default.
	None = "none"
	// JWT wants a signed token, see [Tokens].
	JWT = "jwt"
)

var (
	// ErrRefused is an identity that wasn't proven. Its text may go to the
	// client.
	ErrRefused = errors.New("not authenticated")
	// ErrExpired is an [ErrRefused] that a newer token mends.
	ErrExpired = fmt.Errorf("%w: the token has expired", ErrRefused)
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// Identity is who a client is and what it may do.
type Identity struct {
	User string
	May  grant.Grant
	// Claims are those of a token that readers of the log may need.
	Claims map[string]any
	// ExpiresAt is when the proof ends by the host's clock, zero for never.
	ExpiresAt time.Time
}

// Credentials are what a client has shown: headers of CONNECT or of a refresh,
// and the token that came with its HTTP request, see [Auth.FromRequest].
type Credentials struct {
	Login, Passcode, Authorization, Request string
}

// Authenticator checks credentials. An error that isn't [ErrRefused] means
// that the answer isn't known, and a later try may work.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (Identity, error)
}

// Auth is the authenticator of a mode, with what it needs. Start and Stop it,
// whatever the mode; what it may wait for is said by Ready.
type Auth struct {
	Authenticator
	cookie string
	remote *remoteKeys // nil: all keys are there
}

// Options of [New].
type Options struct {
	Mode string
	Tokens
	// Logger is told when keys can't be fetched. nil: nobody is.
	Logger *slog.Logger
}

// New makes the authenticator of a mode. It reads the files that the settings
// name; what can't work is an error of one line that names the flag.
func New(o Options) (*Auth, error) {
	switch o.Mode {
	case None:
		if name := o.Tokens.given(); name != "" {
			return nil, fmt.Errorf("--auth=none checks no tokens, but --%s is set; want --auth=jwt, or without it", name)
		}
		return &Auth{Authenticator: loginIsUser{}}, nil
	case JWT:
		return newTokens(o)
	case "":
		return nil, errors.New("--auth is not set; want jwt, or none (the login header is the user, whoever says so), which must be asked for by name")
	default:
		return nil, fmt.Errorf("--auth: %q is unknown; want jwt or none", o.Mode)
	}
}

// Start fetches keys, if there are any to fetch, and does so again and again.
// It doesn't wait for the first ones: see Loaded.
func (a *Auth) Start(ctx context.Context) error {
	if a.remote == nil {
		return nil
	}
	return a.remote.Start(ctx)
}

// Stop ends that.
func (a *Auth) Stop(ctx context.Context) error {
	if a.remote == nil {
		return nil
	}
	return a.remote.Stop(ctx)
}

// Loaded waits until somebody can be let in.
func (a *Auth) Loaded(ctx context.Context) error {
	if a.remote == nil {
		return nil
	}
	return a.remote.loaded(ctx)
}

// Ready is nil once somebody can be let in, else it says what is waited for.
func (a *Auth) Ready() error {
	if a.remote == nil {
		return nil
	}
	return a.remote.ready()
}

// KeysAge is how long ago keys were fetched, 0 where none are.
func (a *Auth) KeysAge() time.Duration {
	if a.remote == nil {
		return 0
	}
	return a.remote.age()
}

// loginIsUser is mode none.
type loginIsUser struct{}

// Authenticate takes the login header for the user.
func (loginIsUser) Authenticate(_ context.Context, c Credentials) (Identity, error) {
	if err := schema.CheckUser(c.Login); err != nil {
		return Identity{}, refused("login header: %w", err)
	}
	return Identity{User: c.Login, May: grant.Everything()}, nil
}
