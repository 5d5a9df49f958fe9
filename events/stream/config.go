package stream

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// Config of a service. Zero values take the defaults where there are any.
type Config struct {
	Fold   fold.Fold
	Client *bus.Client
	// Topics of the deployment, for outputs, heartbeats and dead letters.
	Topics schema.Topics
	// Kind is schema.KindPresence or schema.KindNotifier.
	Kind string
	// Group is the consumer group that shares the partitions out.
	Group string
	// Input and Changelog are full topic names with the same number of
	// Partitions, which the topics of outputs have as well.
	Input, Changelog string
	Partitions       int
	// Instance is unique to the process.
	Instance string
	// HTTP is the address of this instance for its peers, "" for none.
	HTTP string
	// Delays stand in owner.started; the fold reads them from there.
	Delays schema.Delays
	// Rebuild has the first take-over of each partition ignore the state in the
	// changelog and fold the input from its start; see [fold.Rebuilder].
	Rebuild bool
	// EdgeLease is how long an edge may be silent. Default 5 s.
	EdgeLease time.Duration
	// HeartbeatInterval defaults to 1 s.
	HeartbeatInterval time.Duration
	// SessionTimeout and RebalanceTimeout of the group; 0 takes package bus's.
	SessionTimeout, RebalanceTimeout time.Duration
	Logger                           *slog.Logger
	// Registerer takes the metrics; nil exports none.
	Registerer prometheus.Registerer
}

func (c *Config) check() error {
	var errs []error
	for _, need := range []struct {
		what  string
		there bool
	}{
		{"Fold", c.Fold != nil}, {"Client", c.Client != nil}, {"Kind", c.Kind != ""}, {"Group", c.Group != ""},
		{"Input", c.Input != ""}, {"Changelog", c.Changelog != ""}, {"Partitions", c.Partitions > 0}, {"Instance", c.Instance != ""},
	} {
		if !need.there {
			errs = append(errs, fmt.Errorf("%s is missing", need.what))
		}
	}
	if c.EdgeLease == 0 {
		c.EdgeLease = 5 * time.Second
	}
	if c.HeartbeatInterval == 0 {
		c.HeartbeatInterval = time.Second
	}
	if c.HeartbeatInterval < 0 || c.EdgeLease < 2*c.HeartbeatInterval {
		errs = append(errs, fmt.Errorf("EdgeLease %v is shorter than two heartbeats (%v each)", c.EdgeLease, c.HeartbeatInterval))
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if len(errs) > 0 {
		return fmt.Errorf("stream: config: %w", errors.Join(errs...))
	}
	return nil
}

// plain is a topic's name without the deployment's prefix.
func (c *Config) plain(topic string) string { return strings.TrimPrefix(topic, c.Topics.Prefix) }

// topic is the full name of one given without prefix.
func (c *Config) topic(plain string) string { return c.Topics.Prefix + plain }

// transactionalID is what fences a partition's changelog: the partition's own,
// whoever owns it.
func (c *Config) transactionalID(partition int32) string {
	return fmt.Sprintf("%s-%d", c.Changelog, partition)
}
