package outbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/internal/startstop"
	"rollcall.dev/internal/startstop/startstoptest"
)

// fakeKafka takes everything and acknowledges when told to.
type fakeKafka struct {
	mu     sync.Mutex
	recs   []bus.Record
	dones  []func(bus.Result)
	refuse func(bus.Record) error
	auto   bool
}

func (f *fakeKafka) Publish(_ context.Context, rec bus.Record, done func(bus.Result)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		if err := f.refuse(rec); err != nil {
			return err
		}
	}
	f.recs = append(f.recs, rec)
	if f.auto {
		go done(bus.Result{})
	} else {
		f.dones = append(f.dones, done)
	}
	return nil
}

// ack acknowledges the n oldest events.
func (f *fakeKafka) ack(n int, err error) {
	f.mu.Lock()
	dones := f.dones[:n]
	f.dones = f.dones[n:]
	f.mu.Unlock()
	for _, done := range dones {
		done(bus.Result{Err: err})
	}
}

// stamps of what arrived, as epoch:sequence.
func (f *fakeKafka) stamps(t *testing.T) []string {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, rec := range f.recs {
		ev, data, err := schema.Decode(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		epoch := schema.ParseSource(ev.Source).Number
		if s, ok := data.(*schema.SessionSubscribed); ok && s.Epoch != epoch {
			t.Fatalf("epoch %d in the data, %d in the source", s.Epoch, epoch)
		}
		out = append(out, fmt.Sprintf("%d:%d", epoch, ev.Sequence.Offset))
	}
	return out
}

func newOutbox(t *testing.T, limit int, change func(*Config)) (*Outbox, *fakeKafka) {
	t.Helper()
	kafka := &fakeKafka{}
	cfg := Config{Edge: "edge-0", Partitions: 4, Limit: limit, Publisher: kafka,
		Lost: func(int64, error) {}, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	return New(cfg), kafka
}

func subscribed(user, channel string) Event {
	return Event{Topic: schema.TopicLifecycle, Key: user, Type: schema.TypeSessionSubscribed, Data: &schema.SessionSubscribed{
		Ref: schema.Ref{Session: "s1", User: user, Edge: "edge-0"}, Subscription: schema.Subscription{ID: "1", Channel: channel, Role: schema.RoleMember}}}
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestStampsCountPerPartitionAndEpochFromOne(t *testing.T) {
	o, kafka := newOutbox(t, 10, nil)
	o.Add(subscribed("alice", "a")) // before the first epoch: waits
	want(t, kafka.stamps(t))
	o.Enter(41)
	o.Add(subscribed("alice", "b"))
	o.Add(subscribed("alice", "c"))
	want(t, kafka.stamps(t), "41:1", "41:2", "41:3")
	if o.PartitionOf("bob") == o.PartitionOf("alice") {
		t.Fatal("bob and alice share a partition: take other names")
	}
	o.Add(subscribed("bob", "a"))
	want(t, kafka.stamps(t), "41:1", "41:2", "41:3", "41:1")
	rec := kafka.recs[0]
	if rec.Topic != "session.lifecycle" || string(rec.Key) != "alice" || rec.Partition != o.PartitionOf("alice") {
		t.Fatalf("record %+v", rec)
	}
	if rec.Headers[0].Key != schema.HeaderUUID || !strings.Contains(string(rec.Headers[0].Value), "edge-0/41/session.lifecycle") {
		t.Fatalf("headers %s", rec.Headers)
	}
}

func TestWhatWaitsLeavesUnderTheNewEpoch(t *testing.T) {
	o, kafka := newOutbox(t, 4*windowEvents, nil)
	o.Enter(1)
	for range windowEvents + 2 {
		o.Add(subscribed("alice", "a"))
	}
	if n := len(kafka.recs); n != windowEvents {
		t.Fatalf("%d in flight, the window is %d", n, windowEvents)
	}
	o.Enter(9)
	kafka.ack(2, nil)
	o.pump()
	o.Add(subscribed("alice", "b"))
	want(t, kafka.stamps(t)[windowEvents:], "9:1", "9:2")
	kafka.ack(1, nil)
	o.pump()
	want(t, kafka.stamps(t)[windowEvents:], "9:1", "9:2", "9:3")
}

func TestALaneIsBoundedButForTheEndOfASession(t *testing.T) {
	o, _ := newOutbox(t, 4, nil) // no epoch: nothing leaves
	for i := range 4 {
		if o.Full() {
			t.Fatalf("full at %d of 4", i)
		}
		if !o.Add(subscribed("alice", "a")) {
			t.Fatalf("refused at %d of 4", i)
		}
	}
	p := o.PartitionOf("alice")
	if o.Add(subscribed("alice", "a")) || !o.Full() || o.Room(schema.TopicLifecycle, p) || o.Refused() != 1 {
		t.Fatal("the bound doesn't hold")
	}
	end := subscribed("alice", "a")
	end.Must = true
	if !o.Add(end) {
		t.Fatal("the end of a session was refused")
	}
	if !o.Add(subscribed("bob", "a")) {
		t.Fatal("one full lane refuses another's events")
	}
	o.Enter(1)
	o.pump()
	if o.Full() || !o.Room(schema.TopicLifecycle, p) {
		t.Fatal("still full")
	}
}

func TestAFullLaneOfMessagesKeepsNobodyOut(t *testing.T) {
	o, _ := newOutbox(t, 1, nil)
	message := Event{Topic: schema.TopicChannelEvents, Key: "room", Type: schema.TypeMessagePublished, Data: &schema.MessagePublished{Channel: "room"}}
	if !o.Add(message) || o.Add(message) {
		t.Fatal("the bound doesn't hold")
	}
	if o.Full() {
		t.Fatal("no session may begin though session events have room")
	}
}

func TestARefusedRecordLeavesNoHole(t *testing.T) {
	o, kafka := newOutbox(t, 10, nil)
	kafka.refuse = func(rec bus.Record) error {
		if strings.Contains(string(rec.Value), "huge") {
			return bus.ErrRecordTooLarge
		}
		return nil
	}
	o.Enter(1)
	var done []bool
	for _, channel := range []string{"a", "huge", "b"} {
		ev := subscribed("alice", channel)
		ev.Done = func(ok bool) { done = append(done, ok) }
		o.Add(ev)
	}
	want(t, kafka.stamps(t), "1:1", "1:2")
	kafka.ack(2, nil)
	if fmt.Sprint(done) != "[false true true]" || o.Depth() != 0 {
		t.Fatalf("done %v, depth %d", done, o.Depth())
	}
}

func TestALostRecordIsReported(t *testing.T) {
	var lost []int64 // epochs
	o, kafka := newOutbox(t, 10, func(c *Config) { c.Lost = func(epoch int64, _ error) { lost = append(lost, epoch) } })
	o.Enter(7)
	var done []bool
	for range 2 {
		ev := subscribed("alice", "a")
		ev.Done = func(ok bool) { done = append(done, ok) }
		o.Add(ev)
	}
	o.Enter(9)
	kafka.ack(1, errors.New("message too large"))
	kafka.ack(1, bus.ErrClosed) // our own end is no loss that a new epoch could mend
	if fmt.Sprint(lost) != "[7]" || fmt.Sprint(done) != "[false false]" {
		t.Fatalf("lost %v, done %v", lost, done)
	}
}

// What will be refused again under any epoch is told to whom it concerns; what
// is merely lost is not, nor what our own end cuts off.
func TestWhatCanNeverBeWrittenIsTold(t *testing.T) {
	tooLarge := fmt.Errorf("%w: by far", bus.ErrRecordTooLarge)
	for _, tc := range []struct {
		sync, async error
		refused     bool
	}{
		{sync: tooLarge, refused: true},
		{sync: errors.New("no such thing"), refused: true},
		{sync: bus.ErrClosed},
		{async: tooLarge, refused: true}, // the broker takes less than we do
		{async: errors.New("broker: leader unknown")},
		{async: bus.ErrClosed},
		{},
	} {
		o, kafka := newOutbox(t, 10, nil)
		kafka.refuse = func(bus.Record) error { return tc.sync }
		o.Enter(1)
		var told []string
		ev := subscribed("alice", "a")
		ev.Refused = func(reason error) { told = append(told, "refused "+reason.Error()) }
		ev.Done = func(ok bool) { told = append(told, fmt.Sprint(ok)) }
		o.Add(ev)
		if tc.sync == nil {
			kafka.ack(1, tc.async)
		}
		want := fmt.Sprint(tc.sync == nil && tc.async == nil)
		if tc.refused {
			want = "refused " + errors.Join(tc.sync, tc.async).Error() + ", " + want
		}
		if got := strings.Join(told, ", "); got != want {
			t.Errorf("%v, %v: told %s, want %s", tc.sync, tc.async, got, want)
		}
	}
}

// An edge.started that waits while its epoch ends must not say of the next
// epoch that all its sessions are announced.
func TestEdgeStartedOfAnOldEpochIsDropped(t *testing.T) {
	o, kafka := newOutbox(t, 4*windowEvents, nil)
	o.Enter(1)
	for range windowEvents {
		o.Add(subscribed("alice", "a"))
	}
	p := o.PartitionOf("alice")
	o.AddStarted(schema.TopicLifecycle, p, 1)
	o.Enter(2)
	o.AddStarted(schema.TopicLifecycle, p, 2)
	kafka.ack(windowEvents, nil)
	o.pump()
	want(t, kafka.stamps(t)[windowEvents:], "2:1")
	if v := string(kafka.recs[windowEvents].Value); !strings.Contains(v, `"epoch":2`) || !strings.Contains(v, "edge.started") {
		t.Fatalf("left: %s", v)
	}
	if o.Depth() != 1 {
		t.Fatalf("depth %d", o.Depth())
	}
}

func TestOldestCountsFromAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, kafka := newOutbox(t, 10, nil)
		if o.Oldest() != 0 {
			t.Fatal("nothing is old")
		}
		o.Add(subscribed("alice", "a"))
		time.Sleep(3 * time.Second)
		o.Enter(1) // handed over only now
		o.Add(subscribed("bob", "a"))
		time.Sleep(time.Second)
		o.pump()
		if d := o.Oldest(); d != 4*time.Second {
			t.Fatalf("oldest %v, want 4s", d)
		}
		kafka.ack(1, nil) // bob's
		kafka.ack(1, nil)
		if d := o.Oldest(); d != 0 {
			t.Fatalf("oldest %v of nothing", d)
		}
	})
}

// An event that has waited elsewhere before is the oldest though others are
// before it, in the lane and at the producer.
func TestOldestCountsWhatWaitedBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, kafka := newOutbox(t, 10, nil)
		late := subscribed("alice", "b")
		late.Waited = time.Minute
		o.Add(subscribed("alice", "a"))
		o.Add(late)
		if d := o.Oldest(); d != time.Minute {
			t.Fatalf("oldest in the lane %v", d)
		}
		time.Sleep(time.Second)
		o.Enter(1)
		o.pump()
		if d := o.Oldest(); d != time.Minute+time.Second {
			t.Fatalf("oldest at the producer %v", d)
		}
		kafka.ack(2, nil)
		if d := o.Oldest(); d != 0 {
			t.Fatalf("oldest %v of nothing", d)
		}
	})
}

func TestStopWaitsUntilAllIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, kafka := newOutbox(t, 10_000, nil)
		kafka.auto = true
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		acked := 0
		var mu sync.Mutex
		for range 2*windowEvents + 10 {
			ev := subscribed("alice", "a")
			ev.Done = func(ok bool) { mu.Lock(); acked++; mu.Unlock() }
			o.Add(ev)
		}
		o.Enter(1)
		if err := o.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if acked != 2*windowEvents+10 || o.Depth() != 0 {
			t.Fatalf("stopped with %d acknowledged, %d left", acked, o.Depth())
		}
	})
}

func TestStopSaysWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := newOutbox(t, 10, nil)
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Enter(1)
		o.Add(subscribed("alice", "a"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.Stop(ctx); err == nil {
			t.Fatal("an unacknowledged event went unnoticed")
		}
		<-o.Done()
	})
}

func TestStartStop(t *testing.T) {
	startstoptest.Stress(t, func() startstop.Service { o, _ := newOutbox(t, 10, nil); return o })
}

func TestFifoGivesItsMemoryBack(t *testing.T) {
	var q fifo[int]
	next, out := 0, 0
	for round := range 50 {
		for range round * 40 {
			q.push(next)
			next++
		}
		for q.len() > round {
			if got := q.pop(); got != out {
				t.Fatalf("popped %d, want %d", got, out)
			}
			out++
		}
	}
	for q.len() > 0 {
		if got := q.pop(); got != out {
			t.Fatalf("popped %d, want %d", got, out)
		}
		out++
	}
	if out != next || cap(q.items) > shrinkFrom {
		t.Fatalf("%d of %d, capacity %d", out, next, cap(q.items))
	}
}
