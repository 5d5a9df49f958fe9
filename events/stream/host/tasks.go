package host

import (
	"context"
	"errors"
	"fmt"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/stream"
)

func (h *Host) startTasks(ctx context.Context) error {
	client, err := bus.Open(bus.Config{Brokers: h.o.Kafka.Brokers, ClientID: h.o.Instance, Dial: h.o.Dial, Logger: h.log})
	if err != nil {
		return err
	}
	h.stack.AddClose("kafka", client.Close)
	h.client.Store(client)
	if err := client.EnsureTopics(ctx, h.o.Kafka.CreateTopics, h.topicList()...); err != nil {
		return err
	}
	tasks, err := stream.New(stream.Config{
		Fold: h.service.Fold, Client: client, Topics: h.topics, Kind: h.service.Kind,
		Group: h.topics.Prefix + h.service.Fold.Name(),
		Input: h.service.Input(h.topics), Changelog: h.service.Changelog(h.topics),
		Partitions: h.o.Kafka.Partitions, Instance: h.o.Instance, HTTP: h.reachable(),
		Delays: h.service.Delays, EdgeLease: h.o.EdgeLease, HeartbeatInterval: h.o.HeartbeatInterval,
		Rebuild: h.o.Rebuild, Logger: h.log, Registerer: h.registry,
	})
	if err != nil {
		return err
	}
	if err := tasks.Start(ctx); err != nil {
		return fmt.Errorf("start tasks: %w", err)
	}
	h.stack.Add("tasks", tasks.Stop)
	h.tasks.Store(tasks)
	return nil
}

// topicList is every topic of the deployment: whoever comes first makes them.
func (h *Host) topicList() []bus.Topic {
	var list []bus.Topic
	for _, spec := range h.topics.All(h.o.Kafka.Partitions) {
		list = append(list, bus.Topic{Name: spec.Name, Partitions: spec.Partitions,
			Replication: h.o.Kafka.Replication, Configs: spec.Configs()})
	}
	return list
}

// waiting says what readiness waits for.
func (h *Host) waiting() error {
	tasks := h.tasks.Load()
	if tasks != nil {
		return tasks.Ready()
	}
	if client := h.client.Load(); client != nil {
		return client.Waiting()
	}
	return errors.New("no connection to Kafka yet")
}
