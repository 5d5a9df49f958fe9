module rollcall.dev/services/notifier

go 1.26.0

require (
	pgregory.net/rapid v1.3.0
	rollcall.dev/events/schema v0.0.0
	rollcall.dev/events/stream v0.0.0
)

require github.com/tidwall/btree v1.8.2 // indirect

replace (
	rollcall.dev/events/bus => ../../events/bus
	rollcall.dev/events/schema => ../../events/schema
	rollcall.dev/events/stream => ../../events/stream
	rollcall.dev/internal => ../../internal
)
