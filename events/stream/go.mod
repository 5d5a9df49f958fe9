module rollcall.dev/events/stream

go 1.26.0

require (
	github.com/tidwall/btree v1.8.2
	rollcall.dev/events/schema v0.0.0
)

replace (
	rollcall.dev/events/bus => ../../events/bus
	rollcall.dev/events/schema => ../../events/schema
	rollcall.dev/internal => ../../internal
)
