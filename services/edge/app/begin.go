package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/epoch"
)

// frameBytes bounds the members of a state and the changes of a diff: they
// must fit into a connection's queue of 256 KiB.
const frameBytes = 128 << 10

// begin starts all parts. If one can't be started, those that were are ended.
func (a *App) begin(ctx context.Context) error {
	err := a.start(ctx)
	if err == nil {
		return nil
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), failLimit)
	defer cancel()
	return errors.Join(err, a.stack.Run(stop))
}

func (a *App) start(ctx context.Context) error {
	a.readiness.wait("kafka", "no connection yet")
	a.stack.Add("operations", a.ops.Stop)
	if err := a.ops.Start(ctx); err != nil {
		return err
	}
	if err := a.serve(ctx); err != nil {
		return err
	}
	a.stack.Add("authentication", a.auth.Stop)
	if err := a.auth.Start(ctx); err != nil {
		return err
	}
	if err := a.openKafka(ctx); err != nil {
		return err
	}
	if err := a.auth.Loaded(ctx); err != nil {
		return err
	}
	mailboxFrom, err := a.mailboxEnd(ctx)
	if err != nil {
		return err
	}
	if err := a.build(mailboxFrom); err != nil {
		return err
	}
	a.release()
	return a.startParts(ctx)
}

// openKafka opens the clients and sees that the topics are there.
func (a *App) openKafka(ctx context.Context) error {
	for _, c := range []struct {
		client **bus.Client
		id     string
	}{{&a.client, a.o.Instance}, {&a.beats, a.o.Instance + "-heartbeat"}} {
		client, err := bus.Open(bus.Config{Brokers: a.o.Kafka.Brokers, ClientID: c.id, Dial: a.o.Dial, Logger: a.o.Logger})
		if err != nil {
			return err
		}
		a.stack.AddClose("kafka client "+c.id, client.Close)
		*c.client = client
	}
	a.readiness.waitUntil("kafka", a.client.Waiting)
	var topics []bus.Topic
	for _, spec := range a.topics.All(a.o.Kafka.Partitions) {
		topics = append(topics, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: a.o.Kafka.Replication, Configs: spec.Configs()})
	}
	if err := a.client.EnsureTopics(ctx, a.o.Kafka.CreateTopics, topics...); err != nil {
		return err
	}
	a.readiness.wait("kafka", "")
	return nil
}

func (a *App) mailboxPartition() int32 {
	return schema.MailboxPartition(a.o.Instance, a.o.Kafka.Partitions)
}

// mailboxEnd is where reading begins: what comes for this process's epochs
// comes after it.
func (a *App) mailboxEnd(ctx context.Context) (int64, error) {
	_, next, err := a.client.Offsets(ctx, a.topics.Mailbox(), a.mailboxPartition())
	if err != nil {
		return 0, fmt.Errorf("end of the mailbox: %w", err)
	}
	return next, nil
}

// release says in which order the parts end: the last one first.
func (a *App) release() {
	a.stack.Add("producer", a.producer.Close)
	a.stack.Add("heartbeats", a.sayGoodbye)
	a.stack.Add("outbox", a.outbox.Stop)
	a.stack.Add("mailbox", a.mailbox.Stop)
	a.stack.Add("hub", a.hub.Stop)
	a.stack.Add("connections", a.endConnections)
	a.stack.Add("sessions", func(context.Context) error {
		a.readiness.wait("draining", "the edge is going down")
		a.hub.Drain()
		return nil
	})
}

// sayGoodbye ends the heartbeats; with all events in Kafka the last one says
// that the epoch holds no session any more.
func (a *App) sayGoodbye(ctx context.Context) error {
	if a.outbox.Depth() == 0 {
		a.keeper.Goodbye()
	}
	return a.keeper.Stop(ctx)
}

func (a *App) startParts(ctx context.Context) error {
	a.readiness.wait("epoch", "waits until its first heartbeat is acknowledged")
	parts := []interface{ Start(context.Context) error }{a.outbox, a.hub, a.keeper, a.mailbox, a.ws}
	if a.sockjs != nil {
		parts = append(parts, a.sockjs)
	}
	for _, part := range parts {
		if err := part.Start(ctx); err != nil {
			return err
		}
	}
	a.readiness.wait("epoch", "")
	a.o.Logger.Info("edge accepts sessions", "edge", a.o.Instance, "epoch", a.keeper.Epoch(), "listen", a.Addr(), "ops", a.OpsAddr())
	return nil
}

// entered carries a new epoch to all who need it. The mailbox comes first: it
// must know an epoch before something can be asked for under it.
func (a *App) entered(n int64) {
	a.mailbox.Enter(n)
	a.outbox.Enter(n)
	a.hub.Entered(n)
}

func (a *App) status() epoch.Status {
	return epoch.Status{Sessions: a.hub.Sessions(), Draining: a.readiness.draining(), Oldest: a.oldest()}
}

// oldest is the age of the oldest event that Kafka hasn't acknowledged, wherever
// it waits. Events go from the hub to the outbox: looked at in that order, none
// is missed on its way.
func (a *App) oldest() time.Duration {
	waits := a.hub.Oldest()
	return max(waits, a.outbox.Oldest())
}

func (a *App) lost(epoch int64, reason error) { a.keeper.Renew(epoch, reason.Error()) }
