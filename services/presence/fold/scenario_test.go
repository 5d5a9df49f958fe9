package fold

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// The scenarios that have broken earlier drafts, as far as a fold shows them.

func TestScenario2Backlog(t *testing.T) {
	// The due of an owner that was away for ten minutes lands behind the
	// return that waited in the log.
	newWorld(t, grace).script(
		"connect a1 E1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"reload a1 ->",
		"connect a2 E2 ->",
		"subscribe a2 room ->",
		"owner 10000 30000 0 ->",
		"due a1 ->",
	)
}

func TestScenario3Clocks(t *testing.T) {
	for _, rule := range rules {
		for _, skew := range []time.Duration{time.Hour, -time.Hour} {
			t.Run(rule.name, func(t *testing.T) {
				w := newWorld(t, rule.delays)
				w.skew = skew
				w.script(rule.script...)
			})
		}
	}
}

func TestScenario4TwoTabs(t *testing.T) {
	t.Run("one reloads, one says goodbye", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 -> joined @alice alice",
			"subscribe a1 room -> joined room alice",
			"connect a2 ->",
			"subscribe a2 room ->",
			"reload a1 ->",
			"logout a2 ->",
			"connect a3 ->",
			"subscribe a3 room ->",
			"due a1 ->",
		)
	})
	t.Run("a drain, then an unclean end", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 -> joined @alice alice",
			"connect a2 ->",
			"drain a1 ->",
			"drop a2 ->",
			"due a2 ->",
			"connect a3 ->",
			"due a1 ->",
			"logout a3 -> left @alice alice client_disconnect",
		)
	})
}

func TestScenario5WhichHoldDoesAReturnEnd(t *testing.T) {
	t.Run("the oldest, one", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 -> joined @alice alice",
			"connect a2 ->",
			"drop a2 ->",
			"drop a1 ->",
			"connect a3 ->", // for a2, the first to drop
			"logout a3 ->",
			"due a2 ->",
			"due a1 -> left @alice alice connection_lost",
		)
	})
	t.Run("dropped, returned, logged out", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 -> joined @alice alice",
			"subscribe a1 room -> joined room alice",
			"drop a1 ->",
			"connect a2 ->",
			"subscribe a2 room ->",
			"logout a2 -> left @alice alice client_disconnect; left room alice client_disconnect",
			"due a1 ->",
		)
	})
	t.Run("never one of a lost edge", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"subscribe a1 room -> joined room alice",
			"expire E1 -> end a1/1 edge_lost",
			"connect a2 E2 ->",
			"subscribe a2 room ->",
			"logout a2 ->",
			"claim E1 ->",
			"announce a1 room ->",
			"due a1 ->",
		)
	})
}

func TestScenario7Settings(t *testing.T) {
	// A delay of 0, then an owner with 5 s that folds the same log again: the
	// delay that was logged before the end counts.
	w := newWorld(t, schema.Delays{})
	w.script(
		"connect a1 -> joined @alice alice",
		"drop a1 -> left @alice alice connection_lost",
		"owner 5000 5000 5000 ->",
		"connect a1 -> joined @alice alice",
		"drop a1 ->",
	)
	w.sameAgain()
}

// sameAgain folds the whole log again and compares outputs and state.
func (w *world) sameAgain() {
	w.t.Helper()
	first, second := newReplay(w.t), newReplay(w.t)
	for _, in := range w.log {
		a, b := first.fold(in), second.fold(in)
		if inWords(a) != inWords(b) {
			w.t.Fatalf("offset %d: %s, then %s", in.Offset, inWords(a), inWords(b))
		}
	}
	w.sameStamps()
	want := dump(w.t, w.store)
	if got := dump(w.t, first.store); got != want {
		w.t.Fatalf("state of the replay:\n%s\nwant:\n%s", got, want)
	}
}

// sameStamps steps two machines through the log as it stands in Kafka.
func (w *world) sameStamps() {
	w.t.Helper()
	first, second := stream.NewMachine(New(), partition), stream.NewMachine(New(), partition)
	for _, rec := range w.records {
		a, b := first.Step(rec), second.Step(rec)
		if a.Verdict == stream.Poison {
			w.t.Fatalf("offset %d: %v", rec.Offset, a.Err)
		}
		if !reflect.DeepEqual(a.Outputs, b.Outputs) {
			w.t.Fatalf("offset %d: outputs %+v, then %+v", rec.Offset, a.Outputs, b.Outputs)
		}
	}
}

func newReplay(t tester) *world {
	return &world{t: t, store: stream.NewStore(New())}
}

// dump encodes a whole state, and checks that decoding gives it back.
func dump(t tester, store *stream.Store) string {
	t.Helper()
	var b strings.Builder
	for key, e := range store.Snapshot().Scan("") {
		value, err := New().Encode(nil, key, e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := New().Decode(key, value)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _ := New().Encode(nil, key, again); !bytes.Equal(value, twice) {
			t.Fatalf("%q: %s decodes to %s", key, value, twice)
		}
		if !slices.Equal(New().Index(key, e), New().Index(key, again)) {
			t.Fatalf("%q: the decoded entity has another index", key)
		}
		fmt.Fprintf(&b, "%q %s\n", key, value)
	}
	return b.String()
}

func TestScenario11LateBatchOfADeadEpoch(t *testing.T) {
	newWorld(t, grace).script(
		"claim E1 ->",
		"start E1 ->",
		"late a1 E1 -> end a1/1 edge_lost",
		"readback ->",
	)
}

func TestScenario12VMPause(t *testing.T) {
	newWorld(t, grace).script(
		"connect a1 E1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"expire E1 -> end a1/1 edge_lost",
		"readback ->",
		"update a1 nick ->", // of the old epoch: the edge has noticed nothing
		"claim E1 ->",
		"announce a1 room ->",
		"start E1 ->",
		"due a1 0 ->",
		"update a1 nick -> updated @alice alice nick; updated room alice nick",
	)
}

func TestScenario13DuesOutOfOrder(t *testing.T) {
	newWorld(t, grace).script(
		"connect a1 -> joined @alice alice",
		"connect b1 -> joined @bob bob",
		"drop a1 ->",
		"drop b1 ->",
		"due b1 -> left @bob bob connection_lost",
		"due a1 -> left @alice alice connection_lost",
		"owner 10000 30000 0 ->",
		"due a1 ->",
		"due b1 ->",
	)
}

func TestScenario13OneSessionHoldsForTwoCauses(t *testing.T) {
	newWorld(t, schema.Delays{UncleanMS: 10_000, CleanMS: 20_000}).script(
		"connect a1 -> joined @alice alice",
		"subscribe a1 room -> joined room alice",
		"subscribe a1 hall -> joined hall alice",
		"unsubscribe a1 room ->",
		"drop a1 ->",
		"due a1 1 -> left @alice alice connection_lost; left hall alice connection_lost",
		"due a1 0 -> left room alice unsubscribed",
	)
}

func TestScenario16ManyOutputsOfOneInput(t *testing.T) {
	w := newWorld(t, schema.Delays{})
	for i := range 1250 {
		user := fmt.Sprintf("u%04d", i)
		ref := schema.Ref{Session: "s-" + user, User: user, Edge: "E1", Epoch: 1}
		w.add(schema.TypeSessionConnected, user, schema.EdgeSource("E1", 1), false, &schema.SessionConnected{Ref: ref})
		w.add(schema.TypeSessionSubscribed, user, schema.EdgeSource("E1", 1), false, &schema.SessionSubscribed{Ref: ref,
			Subscription: subscriptions(fmt.Sprintf("room.%d", i%16), schema.RoleMember)[0]})
	}
	count := map[string]int{}
	for _, out := range w.fromTask(schema.TypeEdgeExpired, "", &schema.EdgeExpired{Edge: "E1", Epoch: 1}) {
		count[out.Key]++
		if out.Type == schema.TypeSessionDisconnected {
			count["ends"]++
			if out.Partition != partition {
				t.Fatalf("an end goes to partition %d, want %d", out.Partition, partition)
			}
		}
	}
	if count["room.7"] != 78 || count["ends"] != 1250 {
		t.Fatalf("%d lefts in one room of sixteen and %d ends, want 78 and 1250", count["room.7"], count["ends"])
	}
	for i := range 1250 {
		w.run(fmt.Sprintf("age u%04d", i))
	}
	if left := dump(t, w.store); left != "" {
		t.Fatalf("left behind:\n%s", left)
	}
	w.sameAgain()
}

func TestScenario20SessionOlderThanTheRetention(t *testing.T) {
	// The head of the log is gone; the announcement alone says all there is.
	w := newWorld(t, grace)
	w.edges["a1"] = "E1"
	w.script(
		"announce a1 room,hall nick -> joined @alice alice nick; joined hall alice nick; joined room alice nick",
		"drop a1 ->",
		"due a1 -> left @alice alice connection_lost; left hall alice connection_lost; left room alice connection_lost",
	)
}

func TestScenario30NoDecodableEventMakesTheFoldPanic(t *testing.T) {
	const odd = "\x00\x01\xff"
	ref := schema.Ref{Session: odd, User: "alice", Edge: odd, Epoch: -1}
	sub := schema.Subscription{ID: odd, Channel: odd, Role: schema.RoleMember}
	events := map[schema.Type]any{
		schema.TypeSessionConnected:    &schema.SessionConnected{Ref: ref, Subscriptions: []schema.Subscription{sub, sub, {Channel: "@bob", Role: schema.RoleWatcher}}},
		schema.TypeSessionSubscribed:   &schema.SessionSubscribed{Ref: ref, Subscription: sub},
		schema.TypeSessionUnsubscribed: &schema.SessionUnsubscribed{Ref: ref, Subscription: sub},
		schema.TypeSessionUpdated:      &schema.SessionUpdated{Ref: ref},
		schema.TypeSessionDisconnected: &schema.SessionDisconnected{Ref: ref, Reason: odd},
		schema.TypeSessionCommand:      &schema.SessionCommand{User: "alice", Action: schema.ActionKick, IdempotencyKey: odd},
		schema.TypeEdgeStarted:         &schema.EdgeStarted{Edge: odd, Epoch: -5},
		schema.TypeEdgeExpired:         &schema.EdgeExpired{Edge: odd, Epoch: -1},
		schema.TypeLeaveDue:            &schema.LeaveDue{User: "alice", Session: odd},
		schema.TypeMessagePublished:    &schema.MessagePublished{Channel: "room"},
	}
	w := newWorld(t, grace)
	for range 3 {
		for _, typ := range []schema.Type{schema.TypeSessionConnected, schema.TypeSessionUpdated, schema.TypeSessionSubscribed,
			schema.TypeSessionCommand, schema.TypeSessionDisconnected, schema.TypeLeaveDue, schema.TypeSessionConnected,
			schema.TypeEdgeStarted, schema.TypeEdgeExpired, schema.TypeSessionUnsubscribed, schema.TypeMessagePublished} {
			for _, fenced := range []bool{false, true} {
				w.add(typ, "alice", odd, fenced, events[typ])
			}
		}
	}
	dump(t, w.store)
}

func TestScenario35Kick(t *testing.T) {
	const kick = `{"user":"alice","session":"a1","action":"kick","note":"out"`
	t.Run("meets the sessions at its point of the log", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"connect a2 E2 ->",
			"connect b1 E2 -> joined @bob bob",
			`kick alice - - -> mail E1/1 `+kick+`,"idempotency_key":"-"}; `+
				`mail E2/1 {"user":"alice","session":"a2","action":"kick","note":"out","idempotency_key":"-"}`,
			"connect a3 E2 ->", // newer than the kick
			"kicked a1 ->",
			"kicked a2 ->",
			"logout a3 -> left @alice alice client_disconnect",
		)
	})
	t.Run("one session", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"connect a2 E2 ->",
			"kick alice a1 -> mail E1/1 "+kick+"}",
			"kick alice a9 ->",
		)
	})
	t.Run("during a new epoch of its edge", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"claim E1 ->",
			"kick alice a1 -> mail E1/1 "+kick+"}",
			"announce a1 -> mail E1/2 "+kick+"}",
			"kicked a1 -> left @alice alice kicked",
		)
	})
	t.Run("while its edge is lost, and before", func(t *testing.T) {
		for _, kicks := range [][]string{
			{"kick alice a1 -> mail E1/1 " + kick + "}", "expire E1 -> end a1/1 edge_lost"},
			{"expire E1 -> end a1/1 edge_lost", "kick alice ->"},
			{"expire E1 -> end a1/1 edge_lost", "kick alice a1 ->"},
		} {
			w := newWorld(t, grace)
			w.script("connect a1 E1 -> joined @alice alice", "subscribe a1 room -> joined room alice")
			w.script(kicks...)
			w.script(
				"claim E1 ->",
				"announce a1 room -> mail E1/2 "+kick+"}",
				"kicked a1 -> left @alice alice kicked; left room alice kicked",
				"connect a2 E1 -> joined @alice alice",
			)
		}
	})
	t.Run("of a session whose edge is lost meets no other", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"expire E1 -> end a1/1 edge_lost",
			"kick alice a2 ->",
			"claim E1 ->",
			"announce a1 ->",
		)
	})
	t.Run("repeated with the same key after the return", func(t *testing.T) {
		newWorld(t, grace).script(
			"connect a1 E1 -> joined @alice alice",
			"kick alice - key1 -> mail E1/1 "+kick+`,"idempotency_key":"key1"}`,
			"kicked a1 -> left @alice alice kicked",
			"connect a2 E1 -> joined @alice alice",
			"kick alice - key1 ->",
			`kick alice - key2 -> mail E1/1 {"user":"alice","session":"a2","action":"kick","note":"out","idempotency_key":"key2"}`,
		)
	})
}

func TestMessagesReachEverySessionOfTheUser(t *testing.T) {
	newWorld(t, grace).script(
		"connect a1 E1 -> joined @alice alice",
		"connect b1 E1 -> joined @bob bob",
		`message alice -> mail E1/1 {"user":"alice","session":"a1","action":"message","body":"hello"}`,
		"drop a1 ->",
		"message alice ->",
	)
}

func TestIdempotencyKeysAreBounded(t *testing.T) {
	w := newWorld(t, grace)
	for i := range 3 * remembered {
		w.run(fmt.Sprintf("kick alice - key%d", i))
	}
	if n := w.store.Snapshot().Len(); n != remembered+1 {
		t.Fatalf("%d entities, want %d keys and their counter", n, remembered)
	}
	w.run("connect a1")
	if got := w.run(fmt.Sprintf("kick alice - key%d", 2*remembered)); got != "" {
		t.Fatalf("one of the newest keys is forgotten: %s", got)
	}
	if got := w.run("kick alice - key0"); got == "" {
		t.Fatal("the oldest key is still known")
	}
}
