module rollcall.dev/bench

go 1.26.0

require (
	github.com/lxzan/gws v1.8.9
	github.com/segmentio/kafka-go v0.4.51
	rollcall.dev/deploy/standalone v0.0.0
	rollcall.dev/events/bus v0.0.0
	rollcall.dev/events/schema v0.0.0
	rollcall.dev/events/stream v0.0.0
	rollcall.dev/internal v0.0.0
	rollcall.dev/services/edge v0.0.0
	rollcall.dev/services/notifier v0.0.0
	rollcall.dev/services/presence v0.0.0
)

replace (
	rollcall.dev/deploy/standalone => ../deploy/standalone
	rollcall.dev/events/bus => ../events/bus
	rollcall.dev/events/schema => ../events/schema
	rollcall.dev/events/stream => ../events/stream
	rollcall.dev/internal => ../internal
	rollcall.dev/services/edge => ../services/edge
	rollcall.dev/services/notifier => ../services/notifier
	rollcall.dev/services/presence => ../services/presence
)
