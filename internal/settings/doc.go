// Package settings reads the settings of a process from flags and environment.
//
// A process declares a struct, embeds the groups it needs, and tags fields:
//
//	type cli struct {
//		settings.Kafka `embed:""`
//		settings.Log   `embed:""`
//		LeaveDelay time.Duration `default:"10s" max:"1h" help:"How long …"`
//	}
//
// Every flag is also an environment variable: --leave-delay is
// ROLLCALL_LEAVE_DELAY. A flag wins over the environment, the environment over
// the default; an empty variable counts as unset.
//
// Tags beside those of kong:
//
//	min, max      range of a number or a duration (durations: min is 0s if not given)
//	unit          shown by --help (durations need none)
//	check:"addr"  a listen address, host:port or :port
//	check:"addrs" a list of host:port
//	check:"id"    empty, or an identifier of A-Z a-z 0-9 . _ - up to 128 long
//
// A struct that implements Validate() error is asked after that.
package settings
