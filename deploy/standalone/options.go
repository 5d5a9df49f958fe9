package standalone

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"rollcall.dev/events/stream/host"
	"rollcall.dev/internal/settings"
	edge "rollcall.dev/services/edge/app"
	notifier "rollcall.dev/services/notifier/app"
	presence "rollcall.dev/services/presence/app"
)

// Flags are the settings of the process: those of all services, with an
// address for each.
type Flags struct {
	Broker  `embed:""`
	Listen  `embed:""`
	Cluster `embed:""`
	Edge    edge.Flags     `embed:""`
	Leave   presence.Flags `embed:""`

	settings.Admin `embed:""`
}

// Broker is which Kafka is used, and how its topics look.
type Broker struct {
	DataDir      string   `name:"data-dir" default:"./data" unit:"path" help:"Where the embedded Kafka keeps its log. Empty in the flag (--data-dir=): in memory."`
	KafkaListen  string   `name:"kafka-listen" default:"127.0.0.1:9092" check:"addr" help:"Address of the embedded Kafka; it tells its clients to use the same one."`
	Brokers      []string `name:"kafka-brokers" default:"" unit:"host:port" help:"Brokers of an outside Kafka, used instead of the embedded one."`
	Partitions   int      `name:"kafka-partitions" default:"16" min:"1" max:"10000" unit:"partitions" help:"Partitions of a topic that is created. Existing topics must agree: it can't be changed later."`
	TopicPrefix  string   `name:"kafka-topic-prefix" default:"" unit:"text of A-Z a-z 0-9 . _ -" check:"id" help:"Put before the name of every topic and consumer group, so that several pipelines share a Kafka."`
	Replication  int      `name:"kafka-replication" default:"1" min:"1" max:"100" unit:"replicas" help:"Replication factor of a topic that is created."`
	CreateTopics bool     `name:"kafka-create-topics" default:"true" negatable:"" help:"Create missing topics at the start; without it, a missing topic is an error."`
}

// Listen is where the services are found.
type Listen struct {
	Edge     string `name:"edge-listen" default:"127.0.0.1:8080" check:"addr" help:"Public address of the edge: /ws and /sockjs, and the demo page on /."`
	EdgeOps  string `name:"edge-ops-listen" default:"127.0.0.1:8090" check:"addr" help:"Address of the edge's /metrics, /healthz and /readyz."`
	Presence string `name:"presence-listen" default:"127.0.0.1:8081" check:"addr" help:"Address of presence: its API, /metrics, /healthz and /readyz."`
	Notifier string `name:"notifier-listen" default:"127.0.0.1:8082" check:"addr" help:"Address of the notifier: its API, /metrics, /healthz and /readyz."`
}

// Cluster is what the services must agree on.
type Cluster struct {
	InstanceID        string        `name:"instance-id" default:"0" unit:"text of A-Z a-z 0-9 . _ -" check:"id" help:"Ends the names of the instances (edge-0, presence-0, notifier-0), for several such processes on one outside Kafka."`
	EdgeLease         time.Duration `name:"edge-lease" default:"5s" min:"100ms" max:"10m" help:"Time for which an edge may be silent until its sessions are ended."`
	HeartbeatInterval time.Duration `name:"heartbeat-interval" default:"1s" min:"10ms" max:"1m" help:"How often every instance tells the others that it lives."`
}

// Options of a standalone process.
type Options struct {
	Flags
	// Logger is where all parts log. nil: nowhere.
	Logger *slog.Logger
}

// embedded reports whether the process has its own Kafka.
func (o Options) embedded() bool { return len(o.Brokers) == 0 }

func (o Options) check() error {
	if o.InstanceID == "" {
		return &settings.UsageError{Err: errors.New("--instance-id is empty; want an identifier such as 0")}
	}
	if o.embedded() && o.Replication > 1 {
		return &settings.UsageError{Err: fmt.Errorf("--kafka-replication=%d: the embedded Kafka has one node; want 1", o.Replication)}
	}
	for _, addr := range o.Brokers {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return &settings.UsageError{Err: fmt.Errorf("--kafka-brokers: %q is no address; want host:port, such as 127.0.0.1:9092", addr)}
		}
	}
	return nil
}

// kafka is how the services find the broker at the given addresses.
func (o Options) kafka(brokers []string) settings.Kafka {
	return settings.Kafka{Brokers: brokers, Partitions: o.Partitions, TopicPrefix: o.TopicPrefix,
		Replication: o.Replication, CreateTopics: o.CreateTopics}
}

func (o Options) presence(brokers []string) presence.Options {
	return presence.Options{Flags: o.Leave, Options: o.host(brokers, "presence", o.Listen.Presence)}
}

func (o Options) notifier(brokers []string) notifier.Options {
	return o.host(brokers, "notifier", o.Listen.Notifier)
}

// host are the options that presence and notifier share.
func (o Options) host(brokers []string, service, listen string) host.Options {
	return host.Options{Kafka: o.kafka(brokers), Instance: service + "-" + o.InstanceID,
		Listen: listen, EdgeLease: o.EdgeLease, HeartbeatInterval: o.HeartbeatInterval, AdminToken: o.AdminToken, Logger: o.Logger}
}
