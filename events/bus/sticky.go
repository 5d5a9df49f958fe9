package bus

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
)

// sticky is a balancer of one member. It leaves partitions with who has them,
// as far as every member of a topic gets as many as the others, or one more.
// Each member says with every join what it was given last; the leader assigns
// by that. It is a function of what the members say, whatever their order.
type sticky struct {
	mu   sync.Mutex
	last stickyClaims
}

// stickyClaims is a member's user data. Generation is the one of which it had
// the partitions: a member that was away may claim what others have got since.
type stickyClaims struct {
	Generation int32              `json:"generation"`
	Partitions map[string][]int32 `json:"partitions"`
}

var _ kafka.GroupBalancer = (*sticky)(nil)

// ProtocolName isn't "sticky", which other clients offer with user data of
// their own.
func (s *sticky) ProtocolName() string { return "rollcall-sticky" }

// assigned takes what the member was given.
func (s *sticky) assigned(generation int32, partitions map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = stickyClaims{Generation: generation, Partitions: partitions}
}

// UserData is asked for at every join.
func (s *sticky) UserData() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(s.last)
}

func (s *sticky) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	byTopic := map[string][]int{}
	for _, p := range partitions {
		byTopic[p.Topic] = append(byTopic[p.Topic], p.ID)
	}
	claims := map[string]stickyClaims{}
	all := kafka.GroupMemberAssignments{}
	for _, m := range members {
		var c stickyClaims
		if json.Unmarshal(m.UserData, &c) == nil { // one without claims, if it isn't ours
			claims[m.ID] = c
		}
		all[m.ID] = map[string][]int{}
	}
	for _, topic := range slices.Sorted(maps.Keys(byTopic)) {
		t := topicShares{name: topic, partitions: sortedSet(byTopic[topic])}
		for _, m := range members {
			if slices.Contains(m.Topics, topic) {
				t.members = append(t.members, m.ID)
			}
		}
		for member, got := range t.assign(claims) {
			all[member][topic] = got
		}
	}
	return all
}

func sortedSet(ids []int) []int {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// topicShares divides one topic's partitions, in order, among its members.
type topicShares struct {
	name       string
	partitions []int
	members    []string
}

func (t *topicShares) assign(claims map[string]stickyClaims) map[string][]int {
	got := map[string][]int{}
	if len(t.members) == 0 {
		return got
	}
	slices.Sort(t.members)
	held, free := t.held(claims)
	quota := t.quotas(held)
	for _, m := range t.members {
		keep := min(quota[m], len(held[m]))
		got[m] = held[m][:keep:keep]
		free = append(free, held[m][keep:]...)
	}
	slices.Sort(free)
	for _, m := range t.members {
		n := quota[m] - len(got[m])
		got[m] = append(got[m], free[:n]...)
		free = free[n:]
		slices.Sort(got[m])
	}
	return got
}

// held are the partitions of each member by its claim, the newest claim's where
// several members have one, and those of nobody. In order.
func (t *topicShares) held(claims map[string]stickyClaims) (held map[string][]int, free []int) {
	holder := map[int]string{}
	for _, m := range t.members {
		for _, p := range claims[m].Partitions[t.name] {
			before, taken := holder[int(p)]
			if !taken || claims[m].Generation > claims[before].Generation {
				holder[int(p)] = m
			}
		}
	}
	held = map[string][]int{}
	for _, p := range t.partitions {
		if m, ok := holder[p]; ok {
			held[m] = append(held[m], p)
		} else {
			free = append(free, p)
		}
	}
	return held, free
}

// quotas are as equal as can be. Where some get one more, it is those who have
// most: they keep what others would have to be given.
func (t *topicShares) quotas(held map[string][]int) map[string]int {
	share, more := len(t.partitions)/len(t.members), len(t.partitions)%len(t.members)
	order := slices.Clone(t.members)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(held[b]), len(held[a])) })
	quota := map[string]int{}
	for i, m := range order {
		quota[m] = share
		if i < more {
			quota[m]++
		}
	}
	return quota
}
