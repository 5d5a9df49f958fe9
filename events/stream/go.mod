module rollcall.dev/events/stream

go 1.26.0

require (
	rollcall.dev/events/schema v0.0.0
	rollcall.dev/events/bus v0.0.0
	rollcall.dev/internal v0.0.0
)

replace (
	rollcall.dev/events/schema => ../../events/schema
	rollcall.dev/events/bus => ../../events/bus
	rollcall.dev/internal => ../../internal
)
