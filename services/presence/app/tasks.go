package app

import (
	"context"
	"errors"
	"fmt"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/services/presence/fold"
)

func (a *App) startTasks(ctx context.Context) error {
	client, err := bus.Open(bus.Config{Brokers: a.o.Kafka.Brokers, ClientID: a.o.Instance, Dial: a.o.Dial, Logger: a.log})
	if err != nil {
		return err
	}
	a.stack.AddClose("kafka", client.Close)
	a.client.Store(client)
	if err := client.EnsureTopics(ctx, a.o.Kafka.CreateTopics, a.topicList()...); err != nil {
		return err
	}
	tasks, err := stream.New(stream.Config{
		Fold: fold.New(), Client: client, Topics: a.topics, Kind: schema.KindPresence,
		Group: a.topics.Prefix + fold.Name, Input: a.topics.Lifecycle(), Changelog: a.topics.PresenceState(),
		Partitions: a.o.Kafka.Partitions, Instance: a.o.Instance, HTTP: a.reachable(),
		Delays: a.o.delays(), EdgeLease: a.o.EdgeLease, HeartbeatInterval: a.o.HeartbeatInterval,
		Logger: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	if err := tasks.Start(ctx); err != nil {
		return fmt.Errorf("start tasks: %w", err)
	}
	a.stack.Add("tasks", tasks.Stop)
	a.tasks.Store(tasks)
	return nil
}

// topicList is every topic of the deployment: whoever comes first makes them.
func (a *App) topicList() []bus.Topic {
	var list []bus.Topic
	for _, spec := range a.topics.All(a.o.Kafka.Partitions) {
		list = append(list, bus.Topic{Name: spec.Name, Partitions: spec.Partitions,
			Replication: a.o.Kafka.Replication, Configs: spec.Configs()})
	}
	return list
}

// waiting says what readiness waits for.
func (a *App) waiting() error {
	tasks := a.tasks.Load()
	if tasks != nil {
		return tasks.Ready()
	}
	if client := a.client.Load(); client != nil {
		return client.Waiting()
	}
	return errors.New("no connection to Kafka yet")
}
