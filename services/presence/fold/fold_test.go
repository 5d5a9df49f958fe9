package fold

import (
	"testing"
	"time"

	"rollcall.dev/events/schema"
)

// rules shows one rule of the fold each.
var rules = []struct {
	name   string
	delays schema.Delays
	script []string
}{
	{"a session joins its personal channel, and leaves it last", grace, []string{
		"connect a1 -> joined @alice alice",
		"logout a1 -> left @alice alice client_disconnect",
	}},
	{"a member subscription joins, watching doesn't", grace, []string{
		"connect a1 -> joined @alice alice",
		"watch a1 hall ->",
		"subscribe a1 room -> joined room alice",
		"logout a1 -> left @alice alice client_disconnect; left room alice client_disconnect",
	}},
	{"several subscriptions of a session to a channel count once", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 x:room -> joined room alice",
		"subscribe a1 y:room ->",
		"unsubscribe a1 x:room ->",
		"unsubscribe a1 y:room -> left room alice unsubscribed",
		"unsubscribe a1 y:room ->",
	}},
	{"a member subscription beside a watching one", grace, []string{
		"connect a1 -> joined @alice alice",
		"watch a1 w:room ->",
		"subscribe a1 m:room -> joined room alice",
		"unsubscribe a1 w:room ->",
		"unsubscribe a1 m:room -> left room alice unsubscribed",
	}},
	{"an id that is used again moves", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 x:room -> joined room alice",
		"subscribe a1 x:hall -> left room alice unsubscribed; joined hall alice",
	}},
	{"two devices are one member", grace, []string{
		"connect a1 -> joined @alice alice",
		"connect a2 E2 ->",
		"subscribe a1 room -> joined room alice",
		"subscribe a2 room ->",
		"logout a1 ->",
		"logout a2 -> left @alice alice client_disconnect; left room alice client_disconnect",
	}},
	{"an unclean end holds until it is due, once", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"drop a1 ->",
		"due a1 -> left @alice alice connection_lost; left room alice connection_lost",
		"due a1 ->",
	}},
	{"a reload is unclean, a close with 1000 clean", grace, []string{
		"connect a1 -> joined @alice alice",
		"reload a1 ->",
		"connect a2 ->",
		"close a2 -> left @alice alice client_close",
	}},
	{"who returns takes the place of the hold", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"drop a1 ->",
		"connect a2 ->",
		"due a1 -> left room alice connection_lost",
		"subscribe a2 room -> joined room alice",
	}},
	{"a hold is taken by the first subscription of a session only", grace, []string{
		"connect a1 -> joined @alice alice",
		"connect a2 ->",
		"subscribe a2 x:room -> joined room alice",
		"subscribe a1 room ->",
		"drop a1 ->",
		"subscribe a2 y:room ->",
		"logout a2 ->",
		"due a1 -> left @alice alice connection_lost; left room alice connection_lost",
	}},
	{"delays of zero hold nothing", schema.Delays{}, []string{
		"connect a1 -> joined @alice alice",
		"drop a1 -> left @alice alice connection_lost",
	}},
	{"a clean end may be held too", schema.Delays{CleanMS: 500}, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"unsubscribe a1 room ->",
		"subscribe a1 room ->",
		"due a1 ->",
		"unsubscribe a1 room ->",
		"due a1 -> left room alice unsubscribed",
	}},
	{"a session that has ended does nothing more", grace, []string{
		"connect a1 -> joined @alice alice",
		"logout a1 -> left @alice alice client_disconnect",
		"subscribe a1 room ->",
		"unsubscribe a1 room ->",
		"update a1 nick ->",
		"drop a1 ->",
		"logout a1 ->",
	}},
	{"meta follows the newest session that has any", grace, []string{
		"connect a1 E1 one -> joined @alice alice one",
		"connect a2 E1 ->",
		"connect a3 E1 two -> updated @alice alice two",
		"subscribe a1 room -> joined room alice one",
		"update a1 eins -> updated room alice eins",
		"subscribe a3 room -> updated room alice two",
		"logout a3 -> updated @alice alice eins; updated room alice eins",
		"logout a1 -> left room alice client_disconnect",
		"logout a2 -> left @alice alice client_disconnect",
	}},
	{"what is said may be taken back", grace, []string{
		"connect a1 -> joined @alice alice",
		"update a1 - away -> updated @alice alice away",
		"update a1 - away ->",
		"update a1 -> updated @alice alice",
	}},
	{"an announcement replaces a session whole", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"subscribe a1 hall -> joined hall alice",
		"announce a1 hall,yard nick -> updated @alice alice nick; updated hall alice nick; " +
			"joined yard alice nick; left room alice unsubscribed",
		"announce a1 hall,yard nick ->",
	}},
	{"a session that connects twice is replaced", grace, []string{
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"claim E1 ->",
		"connect a1 -> left room alice unsubscribed",
	}},
	{"an announcement ends the session's own holds and no other's", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"connect a2 E2 ->",
		"drop a2 ->",
		"expire E1 -> end a1/1 edge_lost",
		"claim E1 ->",
		"announce a1 ->",
		"due a1 ->",
		"logout a1 ->",
		"due a2 -> left @alice alice connection_lost",
	}},
	{"an announced session holds nothing of its own any more", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"subscribe a1 hall -> joined hall alice",
		"expire E1 -> end a1/1 edge_lost",
		"claim E1 ->",
		"announce a1 hall -> left room alice unsubscribed",
		"logout a1 -> left @alice alice client_disconnect; left hall alice client_disconnect",
	}},
	{"an announcement after the leave joins again", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"expire E1 -> end a1/1 edge_lost",
		"readback ->",
		"due a1 -> left @alice alice edge_lost; left room alice edge_lost",
		"claim E1 ->",
		"announce a1 room -> joined @alice alice; joined room alice",
	}},
	{"an expired edge ends its sessions in order, and no other's", schema.Delays{}, []string{
		"connect b1 E1 -> joined @bob bob",
		"connect a1 E1 -> joined @alice alice",
		"connect c1 E2 -> joined @carol carol",
		"expire E1 -> end a1/1 edge_lost; left @alice alice edge_lost; end b1/1 edge_lost; left @bob bob edge_lost",
		"expire E1 ->",
		"readback ->",
	}},
	{"a started edge ends what its older epochs held", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"connect b1 E1 -> joined @bob bob",
		"claim E1 ->",
		"announce b1 ->",
		"connect c1 E1 -> joined @carol carol",
		"start E1 -> end a1/1 edge_lost",
		"start E1 ->",
		"readback ->",
		"due a1 0 -> left @alice alice edge_lost",
	}},
	{"the end of an older epoch doesn't end a session announced since", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"expire E1 -> end a1/1 edge_lost",
		"claim E1 ->",
		"announce a1 ->",
		"readback ->",
		"due a1 ->",
		"logout a1 -> left @alice alice client_disconnect",
	}},
	{"of fenced events only a connected is answered", grace, []string{
		"connect a1 E1 -> joined @alice alice",
		"expire E1 -> end a1/1 edge_lost",
		"subscribe a1 room ->",
		"drop a1 ->",
		"update a1 nick ->",
		"connect b1 E1 -> end b1/1 edge_lost",
		"claim E1 ->",
		"announce a1 ->",
		"late a1 E1 ->",
		"late b1 E1 -> end b1/1 edge_lost",
		"readback ->",
	}},
}

func TestRules(t *testing.T) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) { newWorld(t, rule.delays).script(rule.script...) })
	}
}

// The hold says for how long: that of the owner that was the newest at its
// beginning, by how the session ended.
func TestDelaysAreThoseOfTheEnd(t *testing.T) {
	for how, want := range map[string]int64{"drop": 10_000, "reload": 10_000, "drain": 30_000, "logout": 500, "close": 500, "kicked": 500} {
		w := newWorld(t, schema.Delays{UncleanMS: 10_000, DrainMS: 30_000, CleanMS: 500})
		w.script("connect a1 -> joined @alice alice", how+" a1 ->", "owner 1 2 3 ->")
		var delays []time.Duration
		for key, e := range w.store.Snapshot().Scan(kindHold) {
			due, _ := New().Due(key, e)
			delays = append(delays, due.Delay)
		}
		if len(delays) != 1 || delays[0] != milliseconds(want) {
			t.Errorf("%s: held for %v, want %d ms once", how, delays, want)
		}
	}
}
