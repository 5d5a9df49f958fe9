module rollcall.dev/test

go 1.26.0

require (
	github.com/ThreeDotsLabs/watermill v1.5.1
	github.com/ThreeDotsLabs/watermill-kafka/v3 v3.0.6
	github.com/coder/websocket v1.8.15
	github.com/go-stomp/stomp/v3 v3.1.3
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	github.com/segmentio/kafka-go v0.4.51
	go.yaml.in/yaml/v3 v3.0.4
	pgregory.net/rapid v1.3.0
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
