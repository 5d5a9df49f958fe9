package roster

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

func decodeChannel(t *testing.T, body []byte) string {
	t.Helper()
	var v struct{ Channel string }
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v.Channel
}

// wire is what the mailbox carries to one cache while the interest lasts.
type wire struct {
	tr         *truth
	interested bool
	request    int64
	queue      []Entry // under way
	delivered  []Entry
}

func (w *wire) happen(t *rapid.T) {
	user := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "user")
	_, present := w.tr.members[user]
	var e Entry
	switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
	case what == 0:
		e = w.tr.message()
	case what == 1:
		e = w.tr.update(user)
	case what == 2:
		e = w.tr.join(user)
	case present:
		e = w.tr.leave(user)
	default:
		e = w.tr.join(user)
	}
	if w.interested {
		w.queue = append(w.queue, e)
	}
}

func (w *wire) ask(t *rapid.T) {
	w.interested = true
	w.queue = append(w.queue, w.tr.state(w.request, rapid.IntRange(1, 3).Draw(t, "parts"))...)
}

// next takes a window off the wire, sometimes with a repeat of what came before.
func (w *wire) next(t *rapid.T) []Entry {
	n := rapid.IntRange(0, min(len(w.queue), 6)).Draw(t, "window")
	window := w.queue[:n:n]
	if again := rapid.IntRange(0, 3).Draw(t, "again"); again > 0 && len(w.delivered) > 0 {
		from := max(0, len(w.delivered)-again)
		window = append(append([]Entry(nil), w.delivered[from:]...), window...)
	}
	w.delivered = append(w.delivered, w.queue[:n]...)
	w.queue = w.queue[n:]
	return window
}

// Whatever the windows, repeats, outages, withdrawn and
// renewed interests and the moments of SUBSCRIBE, snapshot + diffs = truth at
// every version, and diffs name exactly what lies between two versions
// (scenarios 24 and 25 too).
func TestScenario22SnapshotAndDiffsAreTheTruthAtEveryVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Members: rapid.IntRange(1, 6).Draw(t, "limit"), Bytes: rapid.IntRange(60, 1000).Draw(t, "bytes")}
		w := &wire{tr: newTruth(), request: 1}
		r := New("room", w.request, limits)
		clients := []*client{newClient(w.tr, r)}
		for range rapid.IntRange(5, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0:
				clients = append(clients, newClient(w.tr, r))
			case 1: // cut off: interest is dropped, asks again
				w.interested = false
			case 2:
				w.request++
				r.Ask(w.request)
				w.ask(t)
			case 3: // the last subscriber goes, another comes; old answers are under way
				w.request++
				r = New("room", w.request, limits)
				clients = []*client{newClient(w.tr, r)}
				w.ask(t)
			case 4, 5, 6, 7:
				w.happen(t)
			default:
				out := r.Apply(nil, w.next(t)...)
				for _, c := range clients {
					if err := c.take(out); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	})
}

// Without an outage every departure after a client's snapshot is told exactly once.
func TestEveryDepartureIsToldOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &wire{tr: newTruth(), request: 1}
		r := New("room", 1, Limits{Members: 3, Bytes: rapid.IntRange(60, 1000).Draw(t, "bytes")})
		c := newClient(w.tr, r)
		w.ask(t)
		r1 := r.Apply(nil, w.queue...)
		w.queue = nil
		if err := c.take(r1); err != nil {
			t.Fatal(err)
		}
		from := c.version
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			w.happen(t)
			if rapid.Bool().Draw(t, "deliver") {
				if err := c.take(r.Apply(nil, w.next(t)...)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.take(r.Apply(nil, w.queue...)); err != nil {
			t.Fatal(err)
		}
		for user, offsets := range w.tr.left {
			want := 0
			for _, o := range offsets {
				if o > from {
					want++
				}
			}
			if c.left[user] != want {
				t.Fatalf("%s left %d times, told %d", user, want, c.left[user])
			}
		}
	})
}
