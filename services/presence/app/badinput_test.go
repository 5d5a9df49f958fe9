package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/host/hosttest"
	"rollcall.dev/internal/brokertest"
)

// Whatever stands in the log, it is counted, what can't be decoded is in the
// dead letter, and the partition goes on: whoever really leaves is told to have
// left, once.
func TestBadInput(t *testing.T) {
	o := Options{Options: hosttest.Options(t, "presence-0", brokertest.Brokers(t)...)}
	o.EdgeLease = time.Minute
	a := start(t, o)
	w := hosttest.NewWriter(t, o.Kafka.Brokers, a.Topics().Lifecycle(), schema.EdgeSource("edge-0", 1))
	good, gone := ref("good"), ref("gone")
	sub := schema.Subscription{ID: "0", Destination: "/topic/room.1", Channel: "room.1", Role: schema.RoleMember}
	end := func(ref schema.Ref) {
		w.Write(schema.TypeSessionDisconnected, "alice", &schema.SessionDisconnected{Ref: ref, Reason: schema.ReasonClientDisconnect, Initiator: schema.InitiatorClient})
	}
	w.Write(schema.TypeSessionConnected, "alice", &schema.SessionConnected{Ref: good})
	w.Write(schema.TypeSessionConnected, "alice", &schema.SessionConnected{Ref: gone})
	w.Write(schema.TypeSessionSubscribed, "alice", &schema.SessionSubscribed{Ref: good, Subscription: sub})
	end(gone)

	w.Write("rollcall.session.teleported.v1", "alice", good)
	w.Write("rollcall.session.connected.v9", "alice", good)
	w.Write(schema.TypeSessionConnected, "alice", map[string]any{"session": "s", "edge": "edge-0", "epoch": 1})
	w.Write(schema.TypeSessionDisconnected, "alice", map[string]any{"session": "good", "user": "", "edge": "edge-0", "epoch": 1, "reason": "kicked"})
	w.Write(schema.TypeSessionConnected, "alice", "no object")
	w.Raw("alice", []byte("{not JSON"))
	w.Raw("alice", nil)
	w.Write(schema.TypeSessionConnected, "alice", &schema.SessionConnected{Ref: good, Subscriptions: []schema.Subscription{sub}})
	w.Write(schema.TypeSessionUnsubscribed, "alice", &schema.SessionUnsubscribed{Ref: good, Subscription: schema.Subscription{ID: "9", Channel: "room.9", Role: schema.RoleMember}})
	for _, who := range []schema.Ref{gone, ref("never")} {
		w.Write(schema.TypeSessionSubscribed, "alice", &schema.SessionSubscribed{Ref: who, Subscription: sub})
		w.Write(schema.TypeSessionUnsubscribed, "alice", &schema.SessionUnsubscribed{Ref: who, Subscription: sub})
		w.Write(schema.TypeSessionUpdated, "alice", &schema.SessionUpdated{Ref: who})
		end(who)
	}
	w.Write(schema.TypePresenceLeft, "alice", &schema.PresenceLeft{Channel: "room.1", User: "alice", Reason: schema.ReasonKicked})

	end(good)
	w.Write(schema.TypeSessionConnected, "alice", &schema.SessionConnected{Ref: ref("later"), Subscriptions: []schema.Subscription{sub}})
	for _, channel := range []string{"@alice", "room.1"} {
		if got, want := told(t, o.Kafka.Brokers, a.Topics().ChannelEvents(), channel), "joined, left by client_disconnect, joined"; got != want {
			t.Errorf("%s: %s; want %s", channel, got, want)
		}
	}
	letters := 0
	read(t, o.Kafka.Brokers, a.Topics().DeadLetter(), bus.Partition([]byte("alice"), hosttest.Partitions), func(bus.Record) bool {
		letters++
		return letters == 5
	})
	wantCounts(t, a, map[string]int{
		`records_total{service="presence",verdict="unknown"}`: 2, `records_total{service="presence",verdict="poison"}`: 5,
		`odd_total{kind="connected_live",service="presence"}`: 1, `odd_total{kind="unsubscribed_never_subscribed",service="presence"}`: 1,
		`odd_total{kind="subscribed_unknown_session",service="presence"}`: 2, `odd_total{kind="unsubscribed_unknown_session",service="presence"}`: 2,
		`odd_total{kind="updated_unknown_session",service="presence"}`: 2, `odd_total{kind="disconnected_unknown_session",service="presence"}`: 2,
		`odd_total{kind="misplaced_type",service="presence"}`: 1,
	})
}

func ref(session string) schema.Ref {
	return schema.Ref{Session: session, User: "alice", Edge: "edge-0", Epoch: 1}
}

// read calls each for every record of a topic's partition, until it says that
// it has enough.
func read(t *testing.T, brokers []string, topic string, partition int32, each func(bus.Record) (enough bool)) {
	t.Helper()
	client, err := bus.Open(bus.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), hosttest.Limit)
	defer cancel()
	r := client.NewReader(bus.ReaderConfig{Topic: topic, Partition: partition, Start: bus.FirstOffset})
	for {
		b, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("read %s: %v", topic, err)
		}
		if slices.ContainsFunc(b.Records, each) {
			return
		}
	}
}

// told is what was told of alice in a channel, up to her second coming.
func told(t *testing.T, brokers []string, topic, channel string) string {
	t.Helper()
	var all []string
	joins := 0
	read(t, brokers, topic, bus.Partition([]byte(channel), hosttest.Partitions), func(rec bus.Record) bool {
		_, data, err := schema.Decode(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch d := data.(type) {
		case *schema.PresenceJoined:
			if d.Channel == channel {
				all = append(all, "joined")
				joins++
			}
		case *schema.PresenceLeft:
			if d.Channel == channel {
				all = append(all, fmt.Sprintf("left by %s", d.Reason))
			}
		case *schema.PresenceUpdated:
			if d.Channel == channel {
				all = append(all, "updated")
			}
		}
		return joins == 2
	})
	return strings.Join(all, ", ")
}

// wantCounts compares metrics of Rollcall's streams, all of their kinds.
func wantCounts(t *testing.T, a *App, want map[string]int) {
	t.Helper()
	_, body := hosttest.Get(t, "http://"+a.OpsAddr()+"/metrics")
	for line := range strings.SplitSeq(body, "\n") {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "rollcall_stream_"), " ")
		if !strings.HasPrefix(name, "odd_total{") && !strings.Contains(name, `verdict="poison"`) && !strings.Contains(name, `verdict="unknown"`) {
			continue
		}
		if value != fmt.Sprint(want[name]) {
			t.Errorf("%s is %s, want %d", name, value, want[name])
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not counted: %v", want)
	}
}
