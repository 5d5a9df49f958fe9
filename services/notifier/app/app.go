// Package app is notifier as cmd/notifier runs it and as the standalone
// process embeds it: the fold of channel.events and the API, hosted.
package app

import (
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
	"rollcall.dev/services/notifier/fold"
)

// Options of a notifier instance.
type Options = host.Options

// App is one notifier instance.
type App struct{ *host.Host }

// New makes an instance. It does no I/O; options that can't work are an error,
// a *settings.UsageError where a setting is the cause.
func New(o Options) (*App, error) {
	h, err := host.New(host.Service{
		Name: "notifier", Kind: schema.KindNotifier, Fold: fold.New(),
		Input: schema.Topics.ChannelEvents, Changelog: schema.Topics.NotifierState,
		Mount: mount,
	}, o)
	if err != nil {
		return nil, err
	}
	return &App{h}, nil
}
