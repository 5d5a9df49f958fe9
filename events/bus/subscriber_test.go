package bus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

func receive(t *testing.T, msgs <-chan *message.Message) *message.Message {
	t.Helper()
	select {
	case msg, ok := <-msgs:
		if !ok {
			t.Fatal("channel closed")
		}
		return msg
	case <-time.After(20 * time.Second):
		t.Fatal("no message")
	}
	return nil
}

func testSubscriber(t *testing.T, c *Client, cfg SubscriberConfig) *Subscriber {
	t.Helper()
	cfg.Tuning = groupConfig("", "")
	cfg.NackResend = 5 * time.Millisecond
	sub := NewSubscriber(c, cfg)
	t.Cleanup(func() { _ = sub.Close() })
	return sub
}

// Acks in any order within the window; the next subscriber starts behind what
// was acknowledged without a gap.
func TestSubscriberWindow(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 1), uniqueName("window")
	publishN(t, testProducer(t, c, ProducerConfig{}), topic, 0, 0, 10)
	sub := testSubscriber(t, c, SubscriberConfig{Group: group, Window: 4, AckGrace: 50 * time.Millisecond})
	msgs, err := sub.Subscribe(t.Context(), topic)
	must(t, err)
	var got []*message.Message
	for i := range 4 {
		got = append(got, receive(t, msgs))
		if string(got[i].Payload) != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, got[i].Payload)
		}
	}
	select {
	case msg := <-msgs:
		t.Fatalf("message %s beyond the window", msg.Payload)
	case <-time.After(50 * time.Millisecond):
	}
	got[3].Ack()
	got[1].Ack()
	got[0].Ack() // 0 and 1 are through: room for 4 and 5
	for _, want := range []string{"4", "5"} {
		if msg := receive(t, msgs); string(msg.Payload) != want {
			t.Fatalf("got %s, want %s", msg.Payload, want)
		}
	}
	got[2].Nack()
	if again := receive(t, msgs); string(again.Payload) != "2" || again.UUID != got[2].UUID {
		t.Fatalf("after the nack came %s", again.Payload)
	}
	must(t, sub.Close())
	if _, open := <-msgs; open {
		t.Error("channel is open after close")
	}
	if got[2].Context().Err() == nil {
		t.Error("context of a nacked message lives on")
	}

	next := testSubscriber(t, c, SubscriberConfig{Group: group})
	msgs, err = next.Subscribe(t.Context(), topic)
	must(t, err)
	if msg := receive(t, msgs); string(msg.Payload) != "2" {
		t.Errorf("next subscriber starts with %s, want 2", msg.Payload)
	}
}

// The end of a subscription waits a while for acks, and commits them.
func TestSubscriberGrace(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 1), uniqueName("grace")
	publishN(t, testProducer(t, c, ProducerConfig{}), topic, 0, 0, 2)
	sub := testSubscriber(t, c, SubscriberConfig{Group: group, AckGrace: 10 * time.Second})
	ctx, cancel := context.WithCancel(t.Context())
	msgs, err := sub.Subscribe(ctx, topic)
	must(t, err)
	msg := receive(t, msgs)
	cancel()
	select {
	case <-msg.Context().Done():
		t.Fatal("the message's context ended with the subscription, not with its ack")
	case <-time.After(50 * time.Millisecond):
	}
	msg.Ack()
	if _, open := <-msgs; open {
		t.Fatal("another message after the end")
	}
	must(t, sub.Close())
	next := testSubscriber(t, c, SubscriberConfig{Group: group})
	msgs, err = next.Subscribe(t.Context(), topic)
	must(t, err)
	if msg := receive(t, msgs); string(msg.Payload) != "1" {
		t.Errorf("the late ack was lost: got %s again", msg.Payload)
	}
}

// A claim that has ended gives nothing out, even to a receiver that waits.
func TestDeliveryAfterTheEnd(t *testing.T) {
	out := make(chan *message.Message, 100)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		cfg := SubscriberConfig{Window: 2}
		cfg.setDefaults()
		d := newDelivery(ctx, cfg, out, func(int64) error { return nil })
		if err := d.hand(ctx, &Record{}); err == nil {
			t.Fatal("handed out")
		}
		d.finish()
	}
	if len(out) > 0 {
		t.Errorf("%d messages", len(out))
	}
}

// Retention overtook the group: stop, or go on at the log's start if told to.
func TestSubscriberLostRecords(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	publishN(t, testProducer(t, c, ProducerConfig{}), topic, 0, 0, 6)
	commitAt := func(group string) {
		stop := startGroup(t, c, groupConfig(group, topic), func(ctx context.Context, cl *Claim) error {
			_ = cl.Commit(1)
			<-ctx.Done()
			return nil
		})
		eventually(t, "committed", func() bool { return committed(t, c, group, topic) == 1 })
		stop()
	}
	strict, lax := uniqueName("strict"), uniqueName("lax")
	commitAt(strict)
	commitAt(lax)
	deleteRecords(t, topic, 4)

	msgs, err := testSubscriber(t, c, SubscriberConfig{Group: lax, SkipLost: true}).Subscribe(t.Context(), topic)
	must(t, err)
	if msg := receive(t, msgs); string(msg.Payload) != "4" {
		t.Errorf("went on with %s, want 4", msg.Payload)
	}
	msgs, err = testSubscriber(t, c, SubscriberConfig{Group: strict}).Subscribe(t.Context(), topic)
	must(t, err)
	select {
	case msg := <-msgs:
		t.Errorf("skipped silently to %s", msg.Payload)
	case <-time.After(500 * time.Millisecond):
	}
}

// Without a group every subscription gets everything.
func TestSubscriberWithoutGroup(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 3)
	p := testProducer(t, c, ProducerConfig{})
	for part := range int32(3) {
		publishN(t, p, topic, part, 0, 2)
	}
	sub := testSubscriber(t, c, SubscriberConfig{})
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		msgs, err := sub.Subscribe(ctx, topic)
		must(t, err)
		next := map[int32]int64{}
		for range 6 {
			msg := receive(t, msgs)
			rec, _ := RecordFromContext(msg.Context())
			if rec.Offset != next[rec.Partition] {
				t.Errorf("partition %d: offset %d, want %d", rec.Partition, rec.Offset, next[rec.Partition])
			}
			next[rec.Partition]++
			msg.Ack()
		}
		cancel()
		for range msgs {
			t.Error("a message too many")
		}
	}
	must(t, sub.Close())
	if _, err := sub.Subscribe(t.Context(), topic); err == nil {
		t.Error("subscribed after close")
	}
}

// A member that stops while it joins doesn't hold the others up: kafka-go can't
// interrupt a JoinGroup, and leaves no group in the middle of it.
func TestGroupStopsWhileJoining(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 2), uniqueName("joining")
	cfg := groupConfig(group, topic)
	block := make(chan struct{})
	held := make(chan struct{}, 8)
	startGroup(t, c, cfg, func(ctx context.Context, _ *Claim) error {
		held <- struct{}{}
		<-ctx.Done()
		<-block // keeps the rebalance waiting
		return nil
	})
	<-held
	<-held
	stop := startGroup(t, c, cfg, func(ctx context.Context, _ *Claim) error { <-ctx.Done(); return nil })
	eventually(t, "the second is joining", func() bool { return memberCount(t, c, group) == 2 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("stopping took %v", took)
	}
	eventually(t, "the second has left", func() bool { return memberCount(t, c, group) == 1 })
	close(block)
	for range 2 { // the first has both partitions again, long before the session timeout of the second
		select {
		case <-held:
		case <-time.After(4 * time.Second):
			t.Fatal("the group waits for a member that has left")
		}
	}
}
