package app

import (
	"rollcall.dev/events/bus"
	"rollcall.dev/services/edge/auth"
	"rollcall.dev/services/edge/epoch"
	"rollcall.dev/services/edge/hub"
	"rollcall.dev/services/edge/mailbox"
	"rollcall.dev/services/edge/outbox"
	"rollcall.dev/services/edge/roster"
	"rollcall.dev/services/edge/session"

	"github.com/oklog/ulid/v2"
)

// build makes the parts and joins them.
func (a *App) build(mailboxFrom int64) error {
	lanes := 2 * a.o.Kafka.Partitions
	a.producer = a.client.NewProducer(bus.ProducerConfig{
		// More than the outbox hands over: it must never wait in Publish.
		MaxBuffered: lanes * 2048, MaxBufferedBytes: lanes * (8 << 20),
	})
	a.outbox = outbox.New(outbox.Config{Edge: a.o.Instance, Topics: a.topics, Partitions: a.o.Kafka.Partitions, Limit: a.o.OutboxLimit,
		Publisher: a.producer, Lost: a.lost, Logger: a.o.Logger})
	a.hub = hub.New(hub.Config{Edge: a.o.Instance, MailboxPartition: a.mailboxPartition(), Session: a.sessionConfig(), Auth: a.auth,
		Outbox: a.outbox, Limits: roster.Limits{Members: a.o.RosterLimit, Bytes: frameBytes}, Linger: a.o.linger, ExpiryNotice: a.o.ExpiryNotice, Registerer: a.registry, Logger: a.o.Logger})
	a.mailbox = mailbox.New(mailbox.Config{Client: a.client, Topic: a.topics.Mailbox(), Partition: a.mailboxPartition(), Edge: a.o.Instance,
		From: mailboxFrom, Deliver: a.hub.Deliver, DeadLetter: a.deadLetter, Missed: a.lost, Logger: a.o.Logger})
	a.keeper = epoch.New(epoch.Config{Client: a.beats, Topic: a.topics.Heartbeat(), Edge: a.o.Instance, MailboxPartition: a.mailboxPartition(),
		Interval: a.o.HeartbeatInterval, Run: ulid.Make().String(), Status: a.status, Entered: a.entered, Logger: a.o.Logger})
	a.measure()
	return nil
}

func (a *App) sessionConfig() *session.Config {
	c := session.DefaultConfig()
	c.HeartBeat = a.o.HeartBeat
	c.LoginIsUser = a.o.Auth == auth.None
	return &c
}
