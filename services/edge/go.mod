module rollcall.dev/services/edge

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/go-stomp/stomp/v3 v3.1.3
	github.com/lxzan/gws v1.8.9
	github.com/oklog/ulid/v2 v2.1.2
	github.com/prometheus/client_golang v1.25.0
	github.com/tidwall/btree v1.8.2
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
