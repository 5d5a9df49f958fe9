// Package startstop is the one contract of everything that lives longer than
// a call: start it, wait until it has started, stop it.
//
//	         Start                    Start returns nil
//	idle ─────────────▶ starting ───────────────────────▶ running
//	 │                     │ setup fails                     │ Stop, or the loop returns
//	 │ Stop                │ or Stop                         ▼
//	 └─────────────────────┴──────────────▶ done ◀─────── stopping
//
// A service runs at most once: after Stop has returned nil nothing of it runs,
// now or later, whatever the order in which Start and Stop were called.
package startstop

import (
	"context"
	"errors"
)

// Service is the contract. [Runner] implements it but for Start, and
// package startstoptest holds the test that every service passes.
type Service interface {
	// Start brings the service up and returns when it runs. The context
	// bounds the start alone: its end afterwards stops nothing, so that a
	// process told to end can still drain. A second Start returns
	// [ErrAlreadyStarted], one after Stop [ErrStopped].
	Start(ctx context.Context) error

	// Started is closed when the service runs. It stays open for ever if
	// the start failed or never came.
	Started() <-chan struct{}

	// Stop ends the service and waits for all it owns, until ctx ends.
	// It interrupts a Start in progress, may be called any number of times
	// and before Start, and returns the error that stopping met.
	Stop(ctx context.Context) error
}

var (
	// ErrAlreadyStarted is returned by every Start but the first.
	ErrAlreadyStarted = errors.New("already started")
	// ErrStopped is returned by a Start that Stop preceded or interrupted.
	ErrStopped = errors.New("stopped before it started")
)
