package bus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
)

// holdings is who has which partitions, by the handlers that run.
type holdings struct {
	mu  sync.Mutex
	has map[string][]int32
}

func (h *holdings) handler(name string) func(context.Context, *Claim) error {
	return func(ctx context.Context, cl *Claim) error {
		h.mu.Lock()
		h.has[name] = append(h.has[name], cl.Partition)
		h.mu.Unlock()
		<-ctx.Done()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.has[name] = slices.DeleteFunc(h.has[name], func(p int32) bool { return p == cl.Partition })
		return nil
	}
}

// settle waits until the members have so many partitions each, and returns which.
func (h *holdings) settle(t *testing.T, want map[string]int) (has map[string][]int32) {
	t.Helper()
	eventually(t, "the partitions are shared out", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		has = map[string][]int32{}
		n := 0
		for name, partitions := range h.has {
			has[name] = slices.Sorted(slices.Values(partitions))
			if len(partitions) != want[name] {
				return false
			}
			n += len(partitions)
		}
		return n == 6
	})
	return has
}

// Members join and leave; nobody loses what it needn't.
func TestGroupIsSticky(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 6)
	cfg := groupConfig(uniqueName("group"), topic)
	cfg.Sticky = true
	h := &holdings{has: map[string][]int32{}}
	start := func(name string) func() { return startGroup(t, c, cfg, h.handler(name)) }
	start("a")
	h.settle(t, map[string]int{"a": 6})
	stopB := start("b")
	two := h.settle(t, map[string]int{"a": 3, "b": 3})
	start("c")
	three := h.settle(t, map[string]int{"a": 2, "b": 2, "c": 2})
	for _, name := range []string{"a", "b"} {
		for _, p := range three[name] {
			if !slices.Contains(two[name], p) {
				t.Errorf("%s got partition %d from the other: %v, then %v", name, p, two, three)
			}
		}
	}
	stopB()
	last := h.settle(t, map[string]int{"a": 3, "c": 3})
	for _, name := range []string{"a", "c"} {
		for _, p := range three[name] {
			if !slices.Contains(last[name], p) {
				t.Errorf("%s lost partition %d: %v, then %v", name, p, three, last)
			}
		}
	}
}

// A member that knows range only, as before an upgrade, shares with one that
// would rather be sticky, whoever came first and whoever leads.
func TestGroupWithOlderMembersFallsBackToRange(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 6)
	older := groupConfig(uniqueName("group"), topic)
	newer := older
	newer.Sticky = true
	h := &holdings{has: map[string][]int32{}}
	stopOld := startGroup(t, c, older, h.handler("old"))
	h.settle(t, map[string]int{"old": 6})
	startGroup(t, c, newer, h.handler("new"))
	h.settle(t, map[string]int{"old": 3, "new": 3})
	startGroup(t, c, newer, h.handler("newest"))
	h.settle(t, map[string]int{"old": 2, "new": 2, "newest": 2})
	stopOld()
	h.settle(t, map[string]int{"new": 3, "newest": 3})
	startGroup(t, c, older, h.handler("old")) // rolled back
	h.settle(t, map[string]int{"new": 2, "newest": 2, "old": 2})
}

// Every generation is told before its handlers are called, an empty one too.
func TestGroupTellsWhatIsAssigned(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	cfg := groupConfig(uniqueName("group"), topic)
	cfg.Sticky = true
	var mu sync.Mutex
	handled, told := 0, map[string]int{}
	member := func(name string) {
		cfg.Assigned = func(given map[string][]int32) {
			mu.Lock()
			defer mu.Unlock()
			told[name] = len(given[topic])
			if name == "a" && handled != 0 {
				t.Error("told while a handler runs")
			}
		}
		startGroup(t, c, cfg, func(ctx context.Context, cl *Claim) error {
			mu.Lock()
			handled++
			mu.Unlock()
			<-ctx.Done()
			mu.Lock()
			defer mu.Unlock()
			handled--
			return nil
		})
	}
	says := func(want map[string]int) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			return handled == 1 && maps.Equal(told, want)
		}
	}
	member("a")
	eventually(t, "a has it", says(map[string]int{"a": 1}))
	member("b")
	eventually(t, "b has nothing", says(map[string]int{"a": 1, "b": 0}))
}
