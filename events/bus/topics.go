package bus

import (
	"context"
	"errors"
	"fmt"
	"sort"

	"github.com/segmentio/kafka-go"
)

// Topic is what a topic should look like.
type Topic struct {
	Name       string
	Partitions int
	// Replication is used at creation; 0 leaves it to the broker's default.
	Replication int
	// Configs are topic configs at creation, such as cleanup.policy.
	Configs map[string]string
}

// EnsureTopics makes sure that the topics exist with the wanted number of
// partitions and a leader for each, and creates missing ones if create is set.
// It retries until ctx ends, except on a *MissingTopicError (create not set), a
// *PartitionCountError, or a creation that the broker refuses. Meanwhile
// Waiting says what it waits for, and after a while the log does, once.
func (c *Client) EnsureTopics(ctx context.Context, create bool, topics ...Topic) error {
	defer c.warnIfLong()()
	wait := newBackoff()
	var last error
	for {
		ready, err := c.ensureOnce(ctx, create, topics)
		if ready {
			// The next one who is asked may not have heard of a new topic yet.
			for _, t := range topics {
				c.counts.Store(t.Name, t.Partitions)
			}
			return nil
		}
		if isFinalTopicError(err) {
			return err
		}
		if err != nil {
			last = err
		}
		c.contact.note(err)
		if wait.sleep(ctx) != nil {
			return fmt.Errorf("bus: ensure topics: %w (last: %w)", context.Cause(ctx), orNotReady(last))
		}
	}
}

var errNoLeaders = errors.New("some partitions have no leader yet")

func orNotReady(err error) error {
	if err == nil {
		return errNoLeaders
	}
	return err
}

func isFinalTopicError(err error) bool {
	if _, ok := errors.AsType[*MissingTopicError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*PartitionCountError](err); ok {
		return true
	}
	_, ok := errors.AsType[*refusedTopicError](err)
	return ok
}

// ensureOnce compares, and creates what is missing. ready means that nothing
// is left to wait for.
func (c *Client) ensureOnce(ctx context.Context, create bool, topics []Topic) (ready bool, err error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	states, err := c.metadata(ctx, names)
	if err != nil {
		return false, err
	}
	c.contact.noteAnswer()
	var missing []Topic
	ready = true
	for _, t := range topics {
		s, ok := states[t.Name]
		switch {
		case !ok || errors.Is(s.err, kafka.UnknownTopicOrPartition):
			missing = append(missing, t)
		case s.err != nil && !kafka.Error.Temporary(s.err.(kafka.Error)):
			return false, &refusedTopicError{t.Name, s.err}
		case s.err != nil || s.leaderless > 0:
			ready = false
		case s.partitions != t.Partitions:
			return false, &PartitionCountError{Topic: t.Name, Want: t.Partitions, Have: s.partitions}
		}
	}
	if len(missing) == 0 {
		return ready, nil
	}
	if !create {
		return false, &MissingTopicError{Topic: missing[0].Name}
	}
	return false, c.createTopics(ctx, missing)
}

// refusedTopicError: the broker won't have it, now or later.
type refusedTopicError struct {
	topic string
	err   error
}

func (e *refusedTopicError) Error() string { return fmt.Sprintf("bus: topic %s: %v", e.topic, e.err) }
func (e *refusedTopicError) Unwrap() error { return e.err }

func (c *Client) createTopics(ctx context.Context, topics []Topic) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req := &kafka.CreateTopicsRequest{}
	for _, t := range topics {
		tc := kafka.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: t.Replication}
		if t.Replication == 0 {
			tc.ReplicationFactor = -1
		}
		keys := make([]string, 0, len(t.Configs))
		for k := range t.Configs {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
			tc.ConfigEntries = append(tc.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: t.Configs[k]})
		}
		req.Topics = append(req.Topics, tc)
	}
	res, err := c.api.CreateTopics(ctx, req)
	if err != nil {
		c.refresh()
		return fmt.Errorf("create topics: %w", err)
	}
	for name, err := range res.Errors {
		switch {
		case err == nil, errors.Is(err, kafka.TopicAlreadyExists):
		case retriableCreate(err):
			return fmt.Errorf("create topic %s: %w", name, err)
		default:
			return &refusedTopicError{name, err}
		}
	}
	return nil
}

// retriableCreate also waits for enough brokers to have registered: services
// and brokers start in any order.
func retriableCreate(err error) bool {
	return errors.Is(err, kafka.NotController) || errors.Is(err, kafka.InvalidReplicationFactor) || judge(err) == verdictRetry
}

// Partitions returns how many partitions a topic has. It asks the broker once,
// for a topic's number of partitions is part of its contract, and retries until
// ctx ends unless the topic doesn't exist (*MissingTopicError).
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	if n, ok := c.counts.Load(topic); ok {
		return n.(int), nil
	}
	wait := newBackoff()
	for {
		states, err := c.metadata(ctx, []string{topic})
		if err == nil {
			err = states[topic].err
			if n := states[topic].partitions; err == nil && n > 0 {
				c.counts.Store(topic, n)
				return n, nil
			}
		}
		if errors.Is(err, kafka.UnknownTopicOrPartition) {
			return 0, &MissingTopicError{Topic: topic}
		}
		if err != nil && judge(err).final() {
			return 0, &refusedTopicError{topic, err}
		}
		if wait.sleep(ctx) != nil {
			return 0, fmt.Errorf("bus: partitions of %s: %w (last: %w)", topic, context.Cause(ctx), orNotReady(err))
		}
	}
}
