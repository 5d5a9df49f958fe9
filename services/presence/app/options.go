package app

import (
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host"
)

// Flags are the settings that only presence has. cmd/presence and the
// standalone process embed them beside the groups of package settings.
type Flags struct {
	LeaveDelay      time.Duration `name:"leave-delay" default:"10s" max:"24h" help:"Time in which a session that ended uncleanly (connection lost, tab closed or reloaded) may return before its user is told to have left."`
	LeaveDelayDrain time.Duration `name:"leave-delay-drain" default:"30s" max:"24h" help:"The same for a session that ended because its edge was shut down."`
	LeaveDelayClean time.Duration `name:"leave-delay-clean" default:"0s" max:"24h" help:"The same for a session that ended on purpose."`
}

// Options of a presence instance.
type Options struct {
	// Flags are taken as they are: a delay of 0 is none.
	Flags
	host.Options
}

func (o Options) delays() schema.Delays {
	return schema.Delays{
		UncleanMS: o.LeaveDelay.Milliseconds(),
		DrainMS:   o.LeaveDelayDrain.Milliseconds(),
		CleanMS:   o.LeaveDelayClean.Milliseconds(),
	}
}
