package standalone

import (
	"context"
	"errors"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
)

// makeTopics makes the topics before the services come: else each of them finds
// some missing, and all make them at once.
func (a *App) makeTopics(ctx context.Context, broker string) error {
	client, err := bus.Open(bus.Config{Brokers: []string{broker}, ClientID: "standalone", Logger: a.log})
	if err != nil {
		return err
	}
	var list []bus.Topic
	for _, spec := range (schema.Topics{Prefix: a.o.TopicPrefix}).All(a.o.Partitions) {
		list = append(list, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Configs: spec.Configs()})
	}
	return errors.Join(client.EnsureTopics(ctx, a.o.CreateTopics, list...), client.Close())
}
