//go:build kafka3

package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"rollcall.dev/events/schema"
)

// partition of session.lifecycle is the visitors', and of cluster.heartbeat the
// only one.
const partition = 0

// kafka3 is three nodes, which count from 1, under several rings.
type kafka3 struct {
	brokers []string
	api     *kafka.Client
	lost    atomic.Int32 // the next one

	mu           sync.Mutex
	all, missing int
	met          chan struct{}
}

func newKafka3(t *testing.T, rings int) *kafka3 {
	t.Helper()
	brokers := strings.Split(os.Getenv("ROLLCALL_TEST_BROKERS"), ",")
	if len(brokers) != 3 {
		t.Fatal("three nodes are needed: make test-kafka3")
	}
	return &kafka3{brokers: brokers, api: &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 10 * time.Second},
		all: rings, missing: rings, met: make(chan struct{})}
}

// meet waits for all rings.
func (k *kafka3) meet(ctx context.Context) error {
	k.mu.Lock()
	met := k.met
	if k.missing--; k.missing == 0 {
		k.missing, k.met = k.all, make(chan struct{})
		close(met)
	}
	k.mu.Unlock()
	select {
	case <-met:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("other rings have failed")
	}
}

// choose waits until all replicas are in sync, and gives x, y and z the roles
// that they have for this ring.
func (r *ring) choose(ctx context.Context) (nodes [3]int, err error) {
	err = firstOf(r.meet(ctx), await(ctx, "replicas in sync", r.inSync))
	if r.coordinates {
		err = firstOf(err, r.loseCoordinator(ctx))
	}
	if err = firstOf(err, r.meet(ctx)); err != nil {
		return nodes, err
	}
	first := int(r.lost.Load())
	nodes = [3]int{first, 1 + first%3, 1 + (first+1)%3}
	in := func(order [3]int) []int { return []int{nodes[order[0]], nodes[order[1]], nodes[order[2]]} }
	topics := r.n.cluster.topics
	return nodes, firstOf(r.lead(ctx, topics.Lifecycle(), in(r.visitors)), r.lead(ctx, topics.Heartbeat(), in(r.heartbeats)))
}

func (r *ring) loseCoordinator(ctx context.Context) error {
	group := r.n.cluster.topics.Prefix + schema.KindPresence
	found, err := r.api.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: group, KeyType: kafka.CoordinatorKeyTypeConsumer})
	if err == nil {
		err = found.Error
	}
	if err != nil {
		return fmt.Errorf("find the coordinator of %s: %w", group, err)
	}
	r.lost.Store(int32(found.Coordinator.NodeID))
	return nil
}

// lead has the nodes lead the topic's partition in this order, as far as they
// are in sync.
func (k *kafka3) lead(ctx context.Context, topic string, order []int) error {
	ordered, err := k.api.AlterPartitionReassignments(ctx, &kafka.AlterPartitionReassignmentsRequest{Topic: topic, Timeout: 5 * time.Second,
		Assignments: []kafka.AlterPartitionReassignmentsRequestAssignment{{PartitionID: partition, BrokerIDs: order}}})
	if err == nil {
		err = firstOf(ordered.Error, ordered.PartitionResults[0].Error)
	}
	if err != nil {
		return fmt.Errorf("order the replicas: %w", err)
	}
	return await(ctx, "the partition's leader", func() error {
		// It fails where there is nothing to do.
		_, err := k.api.ElectLeaders(ctx, &kafka.ElectLeadersRequest{Topic: topic, Partitions: []int{partition}, Timeout: 5 * time.Second})
		if err != nil {
			return err
		}
		all, err := k.partitions(0, topic)
		for _, p := range all {
			if p.ID == partition && (p.Leader.ID != order[0] || p.Replicas[1].ID != order[1]) {
				return fmt.Errorf("%+v", p)
			}
		}
		return err
	})
}

// replaced: what the lost node led has another leader.
func (r *ring) replaced(lost int) error {
	all, err := r.partitions(lost, r.n.cluster.topics.Lifecycle(), r.n.cluster.topics.Heartbeat())
	for _, p := range all {
		if p.Leader.ID == 0 || p.Leader.ID == lost {
			return fmt.Errorf("node %d leads %s/%d", p.Leader.ID, p.Topic, p.ID)
		}
	}
	return err
}

func (k *kafka3) inSync() error {
	all, err := k.partitions(0)
	for _, p := range all {
		if len(p.Isr) < 3 || p.Leader.ID == 0 {
			return fmt.Errorf("%s/%d has %d in sync", p.Topic, p.ID, len(p.Isr))
		}
	}
	return err
}

// partitions are those of topics, or all, as a node other than the one says.
func (k *kafka3) partitions(but int, topics ...string) ([]kafka.Partition, error) {
	conn, err := net.DialTimeout("tcp", k.brokers[but%3], time.Second) // the node after it
	if err != nil {
		return nil, err
	}
	c := kafka.NewConn(conn, "", 0)
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return nil, err
	}
	return c.ReadPartitions(topics...)
}

// await asks until there is no error.
func await(ctx context.Context, what string, cond func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := cond()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
