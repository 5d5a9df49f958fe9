module rollcall.dev/services/edge

go 1.26.0

require (
	github.com/go-stomp/stomp/v3 v3.1.3
	github.com/lxzan/gws v1.8.9
	pgregory.net/rapid v1.3.0
	rollcall.dev/events/bus v0.0.0
	rollcall.dev/events/schema v0.0.0
	rollcall.dev/internal v0.0.0
)

replace (
	rollcall.dev/events/bus => ../../events/bus
	rollcall.dev/events/schema => ../../events/schema
	rollcall.dev/internal => ../../internal
)
