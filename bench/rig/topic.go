package rig

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// Topic makes a topic of its own for a benchmark and waits for its leaders.
func (k *Kafka) Topic(b testing.TB, partitions int) string {
	b.Helper()
	name := "bench-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	client := &kafka.Client{Addr: kafka.TCP(k.Brokers...), Timeout: 10 * time.Second}
	resp, err := client.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err = firstError(err, errorOf(resp, name)); err != nil {
		b.Fatalf("create topic: %v", err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := k.hasLeaders(client, name, partitions)
		if err == nil {
			return name
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func errorOf(resp *kafka.CreateTopicsResponse, name string) error {
	if resp == nil {
		return nil
	}
	return resp.Errors[name]
}

func (k *Kafka) hasLeaders(client *kafka.Client, name string, partitions int) error {
	meta, err := client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{name}})
	if err != nil {
		return err
	}
	ready := 0
	for _, p := range meta.Topics[0].Partitions {
		if p.Error == nil && p.Leader.Port != 0 {
			ready++
		}
	}
	if ready != partitions {
		return fmt.Errorf("topic %s has %d of %d leaders", name, ready, partitions)
	}
	return nil
}
