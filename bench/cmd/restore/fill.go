package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
	"rollcall.dev/services/presence/fold"
)

const (
	edges     = 8
	perRoom   = 20
	perFlush  = 500 // fits into one batch
	userAgent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.%d Safari/537.36"
)

// fill writes the state of so many users, as the fold makes it of their
// announcements. Its position is the input's start, where nothing stands.
func fill(brokers, prefix string, users, times int) error {
	client, err := open(brokers)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := context.Background()
	topics := schema.Topics{Prefix: prefix}
	var list []bus.Topic
	for _, spec := range topics.All(partitions) {
		list = append(list, bus.Topic{Name: spec.Name, Partitions: spec.Partitions, Replication: 1, Configs: spec.Configs()})
	}
	if err := client.EnsureTopics(ctx, true, list...); err != nil {
		return err
	}
	byPartition := make([][]int, partitions)
	for i := range users {
		p := bus.Partition([]byte(userName(i)), partitions)
		byPartition[p] = append(byPartition[p], i)
	}
	for p, list := range byPartition {
		changelog := topics.PresenceState()
		w := client.NewFencedWriter(changelog, int32(p), fmt.Sprintf("%s-%d", changelog, p))
		if err := fillPartition(ctx, w, changelog, int32(p), list, users, times); err != nil {
			return fmt.Errorf("fill partition %d: %w", p, err)
		}
	}
	return nil
}

func fillPartition(ctx context.Context, w *bus.FencedWriter, changelog string, partition int32, list []int, users, times int) error {
	if err := w.Init(ctx); err != nil {
		return err
	}
	m := stream.NewMachine(fold.New(), partition)
	for n, i := range list {
		value, err := announcement(partition, n+1, i, users)
		if err != nil {
			return err
		}
		if r := m.Step(stream.Record{Offset: int64(n), Key: []byte(userName(i)), Value: value}); r.Verdict != stream.Applied {
			return fmt.Errorf("user %d: %v %w", i, r.Verdict, r.Err)
		}
		if (n+1)%perFlush != 0 && n+1 < len(list) {
			continue
		}
		m.Begin(fmt.Sprint("bench-", partition), 0)
		batches, err := m.Flush(bus.MaxBatchBytes - 10_000)
		if err != nil {
			return err
		}
		for range times {
			if err := write(ctx, w, changelog, partition, batches); err != nil {
				return err
			}
		}
	}
	return nil
}

func write(ctx context.Context, w *bus.FencedWriter, changelog string, partition int32, batches [][]stream.Change) error {
	for _, batch := range batches {
		recs := make([]bus.Record, len(batch))
		for i, c := range batch {
			recs[i] = bus.Record{Topic: changelog, Partition: partition, Key: []byte(c.Key), Value: c.Value}
		}
		if _, err := w.Append(ctx, recs); err != nil {
			return err
		}
	}
	return nil
}

// userName has 12 bytes. Those who connect one after the other are no neighbours
// by name.
func userName(i int) string { return fmt.Sprintf("user-%07d", i*7_654_321%10_000_000) }

// announcement is that of a browser's session in two rooms of twenty.
func announcement(partition int32, sequence, i, users int) ([]byte, error) {
	rng := rand.New(rand.NewPCG(uint64(i), 1))
	user, began := userName(i), time.UnixMilli(1_764_000_000_000+int64(i)*7)
	edge := fmt.Sprint("edge-", i%edges)
	d := &schema.SessionConnected{
		Ref:      schema.Ref{Session: sessionID(rng), User: user, Edge: edge, Epoch: int64(41 + i%edges)},
		Protocol: "stomp/1.2+websocket", UserAgent: fmt.Sprintf(userAgent, i%50),
		Meta: schema.Meta{"nick": "Nick " + user[5:]}, ConnectedAt: schema.At(began), MailboxPartition: int32(i % edges),
	}
	for n := range 2 {
		channel := fmt.Sprint("room.", rng.IntN(max(1, users*2/perRoom)))
		d.Subscriptions = append(d.Subscriptions, schema.Subscription{ID: fmt.Sprint("sub-", n),
			Destination: "/topic/" + channel, Channel: channel, Role: schema.RoleMember})
	}
	// One source each, as there are gaps in what a single edge would have here.
	stamp := schema.Stamp{Source: schema.EdgeSource(edge, d.Epoch), Sequence: schema.Sequence{Offset: int64(sequence)}}
	_, value, err := schema.Encode(schema.TypeSessionConnected, user, schema.At(began), stamp, schema.TopicLifecycle, partition, d)
	return value, err
}

// sessionID looks like a ULID.
func sessionID(rng *rand.Rand) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := []byte("01KAQ")
	for len(b) < 26 {
		b = append(b, digits[rng.IntN(len(digits))])
	}
	return string(b)
}
