package schema

import "time"

// Topic names without the deployment's prefix.
const (
	TopicLifecycle     = "session.lifecycle"
	TopicChannelEvents = "channel.events"
	TopicPresenceState = "presence.state"
	TopicNotifierState = "notifier.state"
	TopicMailbox       = "edge.mailbox"
	TopicHeartbeat     = "cluster.heartbeat"
	TopicDeadLetter    = "rollcall.deadletter"
)

// Retention of the topics.
const (
	PublicRetention   = 7 * 24 * time.Hour
	InternalRetention = time.Hour
)

// TopicSpec says how a topic has to be created.
type TopicSpec struct {
	Name       string
	Partitions int
	// Compacted topics keep the last record of each key; the others delete
	// records older than Retention.
	Compacted bool
	Retention time.Duration
}

// Topics names the topics of one deployment.
type Topics struct {
	// Prefix is put in front of every name as it is, "" for none.
	Prefix string
}

// Lifecycle is session.lifecycle: what happened to sessions, keyed by user.
func (t Topics) Lifecycle() string { return t.Prefix + TopicLifecycle }

// ChannelEvents is channel.events: joins, leaves, messages, keyed by channel.
func (t Topics) ChannelEvents() string { return t.Prefix + TopicChannelEvents }

// PresenceState is the changelog of the presence tasks.
func (t Topics) PresenceState() string { return t.Prefix + TopicPresenceState }

// NotifierState is the changelog of the notifier tasks.
func (t Topics) NotifierState() string { return t.Prefix + TopicNotifierState }

// Mailbox is edge.mailbox: what an edge must deliver, on an explicit partition.
func (t Topics) Mailbox() string { return t.Prefix + TopicMailbox }

// Heartbeat is cluster.heartbeat: one partition, every instance, once a second.
func (t Topics) Heartbeat() string { return t.Prefix + TopicHeartbeat }

// DeadLetter is rollcall.deadletter: what could not be handled.
func (t Topics) DeadLetter() string { return t.Prefix + TopicDeadLetter }

// All lists every topic of a deployment with the given number of partitions.
// Input and changelog are paired partition by partition, so they share it.
func (t Topics) All(partitions int) []TopicSpec {
	return []TopicSpec{
		{Name: t.Lifecycle(), Partitions: partitions, Retention: PublicRetention},
		{Name: t.ChannelEvents(), Partitions: partitions, Retention: PublicRetention},
		{Name: t.PresenceState(), Partitions: partitions, Compacted: true},
		{Name: t.NotifierState(), Partitions: partitions, Compacted: true},
		{Name: t.Mailbox(), Partitions: partitions, Retention: InternalRetention},
		{Name: t.Heartbeat(), Partitions: 1, Retention: InternalRetention},
		{Name: t.DeadLetter(), Partitions: partitions, Retention: PublicRetention},
	}
}

// Configs are the Kafka topic settings of the spec, by their Kafka names.
func (s TopicSpec) Configs() map[string]string {
	if s.Compacted {
		return map[string]string{"cleanup.policy": "compact"}
	}
	return map[string]string{
		"cleanup.policy": "delete",
		"retention.ms":   formatInt(s.Retention.Milliseconds()),
	}
}
