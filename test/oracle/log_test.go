package oracle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rollcall.dev/events/schema"
)

// The roster at any offset is that of all changes up to it, in whatever order
// it is asked for.
func TestRosterAtAnOffset(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	l := &publicLog{channels: map[string][]change{}, rosters: map[string][]map[string]change{}}
	var want []string
	now := map[string]bool{}
	for at := range int64(5 * step) {
		user := fmt.Sprint("user-", dice.IntN(20))
		c := change{entry: entry{Record: Record{Offset: 2 * at}}, user: user}
		if now[user] {
			delete(now, user)
		} else {
			now[user], c.member = true, &schema.Member{User: user}
		}
		l.channels[room] = append(l.channels[room], c)
		want = append(want, strings.Join(slices.Sorted(maps.Keys(now)), " "))
	}
	for _, i := range dice.Perm(len(want)) {
		for _, between := range []int64{0, 1} {
			if got := names(l.roster(room, 2*int64(i)+between)); got != want[i] {
				t.Fatalf("after %d changes [%s], want [%s]", i+1, got, want[i])
			}
		}
	}
	if got := l.roster(room, -1); len(got) > 0 {
		t.Errorf("before the first change %v", got)
	}
}
