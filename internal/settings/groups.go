package settings

import (
	"os"
	"strings"
)

// Kafka is how a process finds its broker and its topics.
type Kafka struct {
	Brokers      []string `name:"kafka-brokers" default:"localhost:9092" unit:"host:port" check:"addrs" help:"Kafka brokers to start from."`
	Partitions   int      `name:"kafka-partitions" default:"16" min:"1" max:"10000" unit:"partitions" help:"Partitions of a topic that is created. Existing topics must agree: it can't be changed later."`
	TopicPrefix  string   `name:"kafka-topic-prefix" default:"" unit:"text of A-Z a-z 0-9 . _ -" check:"id" help:"Put before the name of every topic and consumer group, so that several pipelines share a Kafka."`
	Replication  int      `name:"kafka-replication" default:"1" min:"1" max:"100" unit:"replicas" help:"Replication factor of a topic that is created."`
	CreateTopics bool     `name:"kafka-create-topics" default:"true" negatable:"" help:"Create missing topics at the start; without it, a missing topic is an error."`
}

// Log is what is logged, and how. process.Logger makes a logger of it.
type Log struct {
	Level  string `name:"log-level" default:"info" enum:"debug,info,warn,error" help:"Least severe level that is logged."`
	Format string `name:"log-format" default:"text" enum:"text,json" help:"Format of a log line, on standard error."`
}

// Identity is the name of an instance among its peers. It outlives restarts;
// what tells one run from the next is the epoch.
type Identity struct {
	InstanceID string `name:"instance-id" default:"" unit:"text of A-Z a-z 0-9 . _ -" check:"id" help:"Name of this instance: the same after a restart, and of no other at the same time. Empty: the service's name and the host's."`
}

// Admin is how who operates the services proves it.
type Admin struct {
	AdminToken string `name:"admin-token" default:"" unit:"text of at least 16 bytes" help:"Token that the API asks for in the header Authorization (Bearer …): all of it but /healthz, /readyz, /metrics and /openapi.json. The same for all instances. Process lists show flags: set the environment variable instead. Empty: everybody who reaches the API is answered."`
}

const (
	maxID   = 128
	idChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
)

func notInID(r rune) bool { return !strings.ContainsRune(idChars, r) }

// ID is the instance's name: the one that was set, else service-hostname.
func (i Identity) ID(service string) string {
	if i.InstanceID != "" {
		return i.InstanceID
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return defaultID(service, host)
}

// defaultID makes an identifier of any host name.
func defaultID(service, host string) string {
	clean := strings.Map(func(r rune) rune {
		if notInID(r) {
			return '-'
		}
		return r
	}, host)
	id := service + "-" + clean
	return id[:min(len(id), maxID)]
}
