package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// groupConfig is fast enough for tests and slow enough for a loaded machine.
func groupConfig(group string, topics ...string) GroupConfig {
	return GroupConfig{Group: group, Topics: topics, HeartbeatInterval: 100 * time.Millisecond, CommitInterval: 20 * time.Millisecond}
}

// startGroup runs a member until the returned stop is called, which waits.
func startGroup(t testing.TB, c *Client, cfg GroupConfig, handle func(context.Context, *Claim) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.RunGroup(ctx, cfg, handle) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Errorf("RunGroup: %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Error("RunGroup did not return within 20 s")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func TestGroupClaimsAndCommits(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 2), uniqueName("group")
	p := testProducer(t, c, ProducerConfig{})
	publishN(t, p, topic, 0, 0, 5)
	claims := make(chan Claim, 16)
	handle := func(ctx context.Context, cl *Claim) error {
		claims <- *cl
		if cl.Partition == 0 && cl.Start < 5 {
			if err := cl.Commit(cl.Start + 3); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return nil
	}
	stop := startGroup(t, c, groupConfig(group, topic), handle)
	if got := startsOf(t, claims, 2); got[0] != 0 || got[1] != 0 {
		t.Fatalf("first starts %v", got)
	}
	stop() // sends the queued commit
	stop = startGroup(t, c, groupConfig(group, topic), handle)
	if got := startsOf(t, claims, 2); got[0] != 3 || got[1] != 0 {
		t.Fatalf("starts after the commit %v, want 3 and 0", got)
	}
	stop()

	cfg := groupConfig(uniqueName("late"), topic)
	cfg.Start = LastOffset
	startGroup(t, c, cfg, handle)
	if got := startsOf(t, claims, 2); got[0] != 5 || got[1] != 0 {
		t.Fatalf("starts at the end %v, want 5 and 0", got)
	}
}

func startsOf(t *testing.T, claims <-chan Claim, n int) map[int32]int64 {
	t.Helper()
	out := make(map[int32]int64)
	for len(out) < n {
		select {
		case cl := <-claims:
			out[cl.Partition] = cl.Start
		case <-time.After(20 * time.Second):
			t.Fatalf("only %d of %d claims", len(out), n)
		}
	}
	return out
}

func publishN(t testing.TB, p *Producer, topic string, partition int32, from, to int) {
	t.Helper()
	recs := make([]Record, 0, to-from)
	for i := from; i < to; i++ {
		recs = append(recs, Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, "%d", i)})
	}
	if _, err := p.PublishWait(within(t, 20*time.Second), recs...); err != nil {
		t.Fatal(err)
	}
}

// Two members share the partitions; a partition has one handler at a time; a
// commit of an ended generation is refused.
func TestGroupRebalance(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 4), uniqueName("group")
	var mu sync.Mutex
	owners := make(map[int32]string)
	var ended []*Claim
	member := func(name string) func(context.Context, *Claim) error {
		return func(ctx context.Context, cl *Claim) error {
			mu.Lock()
			if other := owners[cl.Partition]; other != "" {
				t.Errorf("%s got partition %d while %s has it", name, cl.Partition, other)
			}
			owners[cl.Partition] = name
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			delete(owners, cl.Partition)
			ended = append(ended, cl)
			mu.Unlock()
			return nil
		}
	}
	holds := func(want map[string]int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			got := make(map[string]int)
			for _, name := range owners {
				got[name]++
			}
			return fmt.Sprint(got) == fmt.Sprint(want)
		}
	}
	startGroup(t, c, groupConfig(group, topic), member("a"))
	eventually(t, "a has all four", holds(map[string]int{"a": 4}))
	stopB := startGroup(t, c, groupConfig(group, topic), member("b"))
	eventually(t, "two each", holds(map[string]int{"a": 2, "b": 2}))
	stopB()
	eventually(t, "a has all four again", holds(map[string]int{"a": 4}))
	mu.Lock()
	defer mu.Unlock()
	if err := ended[0].Commit(1); !errors.Is(err, ErrClaimEnded) {
		t.Errorf("commit of an ended generation: %v", err)
	}
}

func TestGroupCallsFailedHandlerAgain(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic, group := newTopic(t, c, 1), uniqueName("group")
	starts := make(chan int64, 16)
	startGroup(t, c, groupConfig(group, topic), func(ctx context.Context, cl *Claim) error {
		starts <- cl.Start
		_ = cl.Commit(cl.Start + 1)
		return errors.New("made to fail")
	})
	for want := range int64(3) {
		select {
		case got := <-starts:
			if got != want {
				t.Fatalf("call %d starts at %d", want, got)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("handler was not called again")
		}
	}
}

// kafka-go doesn't wait for what is started in a generation that is over
// (Generation.Start), so it gets no handlers: they would overlap the next one's.
func TestGenerationThatIsOverGetsNoHandlers(t *testing.T) {
	over, end := context.WithCancel(t.Context())
	end()
	c := testClient(t, []string{"127.0.0.1:1"})
	m := &member{c: c, log: c.log, handle: func(context.Context, *Claim) error {
		t.Error("a handler was called")
		return nil
	}}
	m.cfg.CommitInterval = time.Hour
	for range 100 {
		m.generation(t.Context(), over, &kafka.Generation{Assignments: map[string][]kafka.PartitionAssignment{"t": {{ID: 0}, {ID: 1}, {ID: 2}}}})
	}
}

func TestGroupConfigIsChecked(t *testing.T) {
	c := testClient(t, []string{"127.0.0.1:1"})
	for _, cfg := range []GroupConfig{{}, {Group: "g"}, {Group: "g", Topics: []string{"t"}, Start: 7}} {
		if err := c.RunGroup(t.Context(), cfg, nil); err == nil {
			t.Errorf("%+v: no error", cfg)
		}
	}
}
