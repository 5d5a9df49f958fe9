// Package app is presence as cmd/presence runs it and as the standalone
// process embeds it: the fold of session.lifecycle and the API, hosted.
package app

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/services/presence/api"
	"rollcall.dev/services/presence/fold"
)

// App is one presence instance.
type App struct{ *host.Host }

// New makes an instance. It does no I/O; options that can't work are an error,
// a *settings.UsageError where a setting is the cause.
func New(o Options) (*App, error) {
	h, err := host.New(host.Service{
		Name: "presence", Kind: schema.KindPresence, Fold: fold.New(),
		Input: schema.Topics.Lifecycle, Changelog: schema.Topics.PresenceState,
		Delays: o.delays(), Mount: api.Mount,
	}, o.Options)
	if err != nil {
		return nil, err
	}
	return &App{h}, nil
}
