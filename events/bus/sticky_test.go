package bus

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go"
	"pgregory.net/rapid"
)

// stickyGroup is a group as its coordinator sees it.
type stickyGroup struct {
	members    map[string]*sticky
	partitions int
	generation int32
	last       map[string][]int
}

func newStickyGroup(partitions int, members ...string) *stickyGroup {
	g := &stickyGroup{members: map[string]*sticky{}, partitions: partitions}
	for _, id := range members {
		g.members[id] = &sticky{}
	}
	return g
}

// rebalance asks one of the members, in some order, to assign to all.
func (g *stickyGroup) rebalance(t testing.TB, deaf ...string) map[string][]int {
	t.Helper()
	g.generation++
	var members []kafka.GroupMember
	for id, m := range g.members { // in any order
		data, err := m.UserData()
		must(t, err)
		members = append(members, kafka.GroupMember{ID: id, Topics: []string{"t"}, UserData: data})
	}
	var partitions []kafka.Partition
	for _, p := range rand.Perm(g.partitions) {
		partitions = append(partitions, kafka.Partition{Topic: "t", ID: p})
	}
	g.last = map[string][]int{}
	for id, topics := range (&sticky{}).AssignGroups(members, partitions) {
		g.last[id] = topics["t"]
		if slices.Contains(deaf, id) {
			continue
		}
		g.members[id].assigned(g.generation, given(topics["t"]))
	}
	return g.last
}

func given(partitions []int) map[string][]int32 {
	var all []int32
	for _, p := range partitions {
		all = append(all, int32(p))
	}
	return map[string][]int32{"t": all}
}

// check says what is wrong with an assignment, "" for nothing.
func (g *stickyGroup) check() string {
	seen := map[int]string{}
	least, most := g.partitions, 0
	for id := range g.members {
		n := len(g.last[id])
		least, most = min(least, n), max(most, n)
		for _, p := range g.last[id] {
			if other, twice := seen[p]; twice {
				return fmt.Sprintf("partition %d is %s's and %s's", p, other, id)
			}
			seen[p] = id
		}
	}
	switch {
	case len(g.last) != len(g.members):
		return "somebody who isn't there was given something, or somebody nothing at all"
	case len(seen) != g.partitions:
		return fmt.Sprintf("%d of %d partitions are given", len(seen), g.partitions)
	case most > least+1:
		return fmt.Sprintf("one has %d, another %d", most, least)
	}
	return ""
}

// moved counts partitions that change from one member that stays to another
// that was there before.
func moved(before, after map[string][]int) (n int) {
	for id, had := range before {
		for _, p := range had {
			for other := range before {
				if other != id && after[id] != nil && slices.Contains(after[other], p) {
					n++
				}
			}
		}
	}
	return n
}

// kept counts what members have again.
func kept(before, after map[string][]int) (n int) {
	for id, had := range before {
		for _, p := range had {
			if slices.Contains(after[id], p) {
				n++
			}
		}
	}
	return n
}

// mostKept is the most that balanced assignments can keep: everybody has
// the smaller share or, some of those who have it, one more.
func mostKept(before map[string][]int, members map[string]*sticky, partitions int) int {
	share, more := partitions/len(members), partitions%len(members)
	n := 0
	for id := range members {
		n += min(len(before[id]), share)
		if len(before[id]) > share && more > 0 {
			n, more = n+1, more-1
		}
	}
	return n
}

// Members join, leave and miss rebalances: each assignment is complete and
// balanced, keeps as much as can be kept, and is the same again if nobody has
// moved.
func TestStickyKeepsWhatCanBeKept(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newStickyGroup(rapid.IntRange(1, 24).Draw(rt, "partitions"), "m0")
		g.rebalance(t)
		next := 1
		for range rapid.IntRange(1, 12).Draw(rt, "rebalances") {
			before := maps.Clone(g.last)
			for range rapid.IntRange(0, 3).Draw(rt, "joins") {
				g.members[fmt.Sprintf("m%d", next)] = &sticky{}
				next++
			}
			for range rapid.IntRange(0, 3).Draw(rt, "leaves") {
				if ids := slices.Sorted(maps.Keys(g.members)); len(ids) > 1 {
					delete(g.members, rapid.SampledFrom(ids).Draw(rt, "leaver"))
				}
			}
			after := g.rebalance(t)
			if wrong := g.check(); wrong != "" {
				rt.Fatal(wrong)
			}
			maps.DeleteFunc(before, func(id string, _ []int) bool { return g.members[id] == nil })
			if got, want := kept(before, after), mostKept(before, g.members, g.partitions); got != want {
				rt.Fatalf("%d partitions stay, %d could: %v, then %v", got, want, before, after)
			}
			if again := g.rebalance(t); !maps.EqualFunc(after, again, slices.Equal) {
				rt.Fatalf("nobody has moved, and %v becomes %v", after, again)
			}
		}
	})
}

// Nothing moves between those who stay when one joins or one leaves.
func TestStickyMovesOnlyForTheNewAndFromTheGone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newStickyGroup(rapid.IntRange(1, 24).Draw(rt, "partitions"))
		for i := range rapid.IntRange(1, 8).Draw(rt, "members") {
			g.members[fmt.Sprintf("m%d", i)] = &sticky{}
		}
		before := g.rebalance(t)
		g.members["new"] = &sticky{}
		after := g.rebalance(t)
		if n := moved(before, after); n != 0 {
			rt.Fatalf("%d partitions move between members who were there: %v, then %v", n, before, after)
		}
		delete(g.members, "m0")
		if len(g.members) == 0 {
			return
		}
		last := g.rebalance(t)
		for id := range g.members {
			for _, p := range after[id] {
				if !slices.Contains(last[id], p) && len(last[id]) >= len(after[id]) {
					rt.Fatalf("%s lost %d for nothing: %v, then %v", id, p, after, last)
				}
			}
		}
	})
}

// Two members claim the same: who has it of the newer generation keeps it.
func TestStickyStaleClaimLoses(t *testing.T) {
	for range 20 { // the members come in any order
		g := newStickyGroup(4, "a", "b")
		first := g.rebalance(t)
		away := g.members["a"]
		delete(g.members, "a")
		g.rebalance(t) // b has all
		g.members["c"] = &sticky{}
		second := g.rebalance(t)
		g.members["a"] = away // still claims what it had
		third := g.rebalance(t)
		for _, id := range []string{"b", "c"} {
			for _, p := range third[id] {
				if !slices.Contains(second[id], p) {
					t.Fatalf("%s got %d: %v, %v, %v", id, p, first, second, third)
				}
			}
		}
		if wrong := g.check(); wrong != "" {
			t.Fatal(wrong)
		}
	}
}

// Whatever members say, every partition is given once.
func TestStickyBelievesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := newStickyGroup(rapid.IntRange(0, 12).Draw(rt, "partitions"))
		var members []kafka.GroupMember
		for i := range rapid.IntRange(1, 5).Draw(rt, "members") {
			data := rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Custom(func(rt *rapid.T) []byte {
				raw, _ := json.Marshal(stickyClaims{
					Generation: rapid.Int32().Draw(rt, "generation"),
					Partitions: map[string][]int32{"t": rapid.SliceOf(rapid.Int32Range(-2, 14)).Draw(rt, "claimed")},
				})
				return raw
			})).Draw(rt, "data")
			id := fmt.Sprintf("m%d", i)
			g.members[id] = nil
			members = append(members, kafka.GroupMember{ID: id, Topics: []string{"t"}, UserData: data})
		}
		var partitions []kafka.Partition
		for p := range g.partitions {
			partitions = append(partitions, kafka.Partition{Topic: "t", ID: p})
		}
		g.last = map[string][]int{}
		for id, topics := range (&sticky{}).AssignGroups(members, partitions) {
			g.last[id] = topics["t"]
		}
		if wrong := g.check(); wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

// Members get partitions of the topics that they have subscribed to.
func TestStickyGivesToSubscribersOnly(t *testing.T) {
	members := []kafka.GroupMember{{ID: "a", Topics: []string{"t"}}, {ID: "b", Topics: []string{"t", "u"}}, {ID: "c"}}
	partitions := []kafka.Partition{{Topic: "u", ID: 0}, {Topic: "t", ID: 1}, {Topic: "t", ID: 0}, {Topic: "u", ID: 1}, {Topic: "v"}}
	got := (&sticky{}).AssignGroups(members, partitions)
	want := "map[a:map[t:[0]] b:map[t:[1] u:[0 1]] c:map[]]"
	if fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
