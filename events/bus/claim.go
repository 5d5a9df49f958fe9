package bus

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// Claim is one partition, given to this member for one generation of the group.
type Claim struct {
	Topic     string
	Partition int32
	// Start is the offset to read from, always absolute.
	Start      int64
	Generation int32
	MemberID   string

	commits *committer
}

// Commit queues offset, the next one to be read, as the partition's progress.
// It is sent within CommitInterval, and at the generation's end, in the claim's
// own generation only. ErrClaimEnded: too late, the next owner starts from an
// earlier commit.
func (cl *Claim) Commit(offset int64) error {
	return cl.commits.queue(cl.Topic, cl.Partition, offset)
}

// committer sends the commits of one generation, on another connection than its
// heartbeats: Kafka answers a connection in order, and a commit waits for as long
// as a replica of the offsets' topic stands still.
type committer struct {
	log *slog.Logger
	api *kafka.Client
	gen *kafka.Generation

	mu     sync.Mutex
	queued map[topicPartition]int64
	latest map[topicPartition]int64
	ended  bool
}

func newCommitter(log *slog.Logger, api *kafka.Client, gen *kafka.Generation) *committer {
	return &committer{log: log, api: api, gen: gen, queued: make(map[topicPartition]int64), latest: make(map[topicPartition]int64)}
}

func (c *committer) queue(topic string, partition int32, offset int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return ErrClaimEnded
	}
	tp := topicPartition{topic, partition}
	c.queued[tp], c.latest[tp] = offset, offset
	return nil
}

func (c *committer) last(topic string, partition int32) (int64, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.latest[topicPartition{topic, partition}]
	return at, ok
}

// run sends what is queued every interval, and at the end a last time.
func (c *committer) run(interval time.Duration, stop <-chan struct{}) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.send(false)
		case <-stop:
			c.send(true)
			return
		}
	}
}

// send commits what is queued. What fails is queued again, unless something
// newer is: the next tick retries, and the heartbeat finds out whether the
// generation still lives.
func (c *committer) send(last bool) {
	c.mu.Lock()
	batch := c.queued
	c.queued = make(map[topicPartition]int64)
	c.ended = c.ended || last
	c.mu.Unlock()
	if len(batch) == 0 {
		return
	}
	err := c.commit(batch)
	if err == nil {
		return
	}
	c.log.Debug("commit failed", "generation", c.gen.ID, "reason", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	for tp, at := range batch {
		if _, newer := c.queued[tp]; !newer {
			c.queued[tp] = at
		}
	}
}

func (c *committer) commit(batch map[topicPartition]int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), coordinatorTimeout)
	defer cancel()
	topics := make(map[string][]kafka.OffsetCommit)
	for tp, at := range batch {
		topics[tp.topic] = append(topics[tp.topic], kafka.OffsetCommit{Partition: int(tp.partition), Offset: at})
	}
	res, err := c.api.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: c.gen.GroupID, GenerationID: int(c.gen.ID), MemberID: c.gen.MemberID, Topics: topics,
	})
	if err != nil {
		return err
	}
	for _, partitions := range res.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				return p.Error
			}
		}
	}
	return nil
}
