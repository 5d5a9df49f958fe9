// Package auth answers who a client is.
package auth

import (
	"context"
	"errors"
	"fmt"

	"rollcall.dev/events/schema"
)

// Modes of authentication.
const (
	// None believes the login header. It is for trying things out and for
	// edges behind something that has authenticated already, so it is never
	// the default.
	None = "none"
)

// ErrRefused is an identity that wasn't proven. Its text may go to the client.
var ErrRefused = errors.New("not authenticated")

// Identity is who a client is.
type Identity struct {
	User string
	// Claims are those of a token that readers of the log may need.
	Claims map[string]any
	// ExpiresAt is when the proof ends, zero for never.
	ExpiresAt schema.Time
}

// Credentials are what a client showed in its CONNECT frame.
type Credentials struct {
	Login, Passcode, Authorization string
}

// Authenticator checks credentials. An error that isn't [ErrRefused] means
// that the answer isn't known, and a later try may work.
type Authenticator interface {
	Authenticate(ctx context.Context, c Credentials) (Identity, error)
}

// Check reports what is wrong with a mode, nil for one that [New] knows.
func Check(mode string) error {
	switch mode {
	case None:
		return nil
	case "":
		return errors.New("is not set; want none (the login header is the user, whoever says so), which must be asked for by name")
	default:
		return fmt.Errorf("%q is unknown; want none", mode)
	}
}

// New makes the authenticator of a mode.
func New(mode string) (Authenticator, error) {
	if err := Check(mode); err != nil {
		return nil, err
	}
	return loginIsUser{}, nil
}

// loginIsUser is mode none.
type loginIsUser struct{}

// Authenticate takes the login header for the user.
func (loginIsUser) Authenticate(_ context.Context, c Credentials) (Identity, error) {
	if err := schema.CheckUser(c.Login); err != nil {
		return Identity{}, fmt.Errorf("%w: login header: %w", ErrRefused, err)
	}
	return Identity{User: c.Login}, nil
}
