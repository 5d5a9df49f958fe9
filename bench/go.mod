module rollcall.dev/bench

go 1.26.0

require (
	github.com/lxzan/gws v1.8.9
	github.com/segmentio/kafka-go v0.4.51
	rollcall.dev/deploy/standalone v0.0.0
	rollcall.dev/events/bus v0.0.0
)

require (
	github.com/ThreeDotsLabs/watermill v1.5.1 // indirect
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/lithammer/shortuuid/v3 v3.0.7 // indirect
	github.com/oklog/ulid v1.3.1 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/twmb/franz-go v1.22.2 // indirect
	github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c // indirect
	github.com/twmb/franz-go/pkg/kmsg v1.15.0 // indirect
	rollcall.dev/internal v0.0.0 // indirect
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
