package fold_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// What waits for the log's start costs no timer, and is found by looking.
func TestAgedAreFoundByTheStartOfTheLog(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Step(l.owner("a", time.Minute))
	for seq := range int64(5) {
		user := fmt.Sprintf("u%d", seq)
		if r := m.Step(l.connectedAs("e1", 1, 2*seq+1, user, rooms.StatusAged)); len(r.Dues) > 0 {
			t.Fatalf("armed %+v", r.Dues)
		}
		m.Step(l.connected("e1", 1, 2*seq+2, "x"+user))
	}
	for d := range m.Dues() {
		t.Fatalf("armed %+v", d)
	}
	look := func(logStart int64, limit int) (users []string, looks int) {
		for from := ""; looks == 0 || from != ""; looks++ {
			var dues []fold.Due
			dues, from = m.Aged(logStart, from, limit)
			for _, d := range dues {
				users = append(users, d.User)
			}
		}
		return users, looks
	}
	for _, limit := range []int{1, 3, 100} { // causes are 1, 3, 5, 7, 9
		if got, _ := look(1, limit); len(got) > 0 {
			t.Errorf("%q have outlived a log that begins at their cause", got)
		}
		if got, looks := look(6, limit); !slices.Equal(got, []string{"u0", "u1", "u2"}) || looks != (9+limit)/limit {
			t.Errorf("at most %d at once: %q in %d looks", limit, got, looks)
		}
	}
	m.Step(l.due("u1", 3, 0))
	if got, _ := look(6, 100); !slices.Equal(got, []string{"u0", "u2"}) {
		t.Errorf("%q after the due of u1", got)
	}
}
