package fold

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

var epochStart = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// ringLimit makes some flushes larger than a batch.
const ringLimit = 2_000

// restore takes the state from the changelog, as a new owner does.
func (r *ring) restore() {
	restorer := stream.NewRestorer(New(), partition)
	for _, c := range r.changelog {
		restorer.Add(c)
	}
	m, fresh, redo, err := restorer.Machine(ringLimit)
	if err != nil {
		r.rt.Fatal(err)
	}
	if r.m = m; fresh {
		m.Begin("inc", 0)
		m.Presume(grace)
	}
	for _, batch := range redo {
		r.changelog = append(r.changelog, batch...)
	}
}

// work folds a batch, writes its outputs and flushes it, or dies at any of it.
func (r *ring) work(n int, mayDie bool) {
	dies := func(label string) bool { return mayDie && r.draw(8, label) == 0 }
	from := int(r.m.Position())
	for _, rec := range r.log[from:min(from+n, len(r.log))] {
		for _, out := range r.m.Step(rec).Outputs {
			if dies("dies between outputs") {
				r.restore()
				return
			}
			r.publish(out)
		}
	}
	batches, err := r.m.Flush(ringLimit)
	if err != nil {
		r.rt.Fatal(err)
	}
	for _, batch := range batches {
		if dies("dies before a flush") {
			r.restore()
			return
		}
		r.changelog = append(r.changelog, batch...)
	}
	if dies("dies after a flush") {
		r.restore()
	}
}

// publish checks that a stamp always stands for the same, and passes on what
// readers with a watermark take.
func (r *ring) publish(out stream.Stamped) {
	text := fmt.Sprintf("%s %s %d %s", out.Topic, out.Key, out.Partition, out.Value)
	if before, ok := r.said[out.Sequence]; ok && before != text {
		r.rt.Fatalf("stamp %v was given twice:\n%s\n%s", out.Sequence, before, text)
	}
	r.said[out.Sequence] = text
	if out.Topic == schema.TopicLifecycle {
		r.unread = append(r.unread, out)
		return
	}
	if out.Sequence.Above(r.heard) {
		r.heard = out.Sequence
		r.hear(out)
	}
}

// hear checks that joined and left alternate, and that nobody is told to have
// left who is there on an edge in good standing.
func (r *ring) hear(out stream.Stamped) {
	_, data, err := schema.Decode(out.Value)
	if err != nil {
		r.rt.Fatal(err)
	}
	var place string
	var was, is bool
	switch d := data.(type) {
	case *schema.PresenceJoined:
		place, was, is = d.Channel+" "+d.User, false, true
	case *schema.PresenceUpdated:
		place, was, is = d.Channel+" "+d.User, true, true
	case *schema.PresenceLeft:
		place, was, is = d.Channel+" "+d.User, true, false
		if r.present[out.Sequence.Offset][place] {
			r.rt.Fatalf("a false leave: %s", out.Value)
		}
	}
	if r.told[place] != was {
		r.rt.Fatalf("told %s, but being there was told as %v", out.Value, r.told[place])
	}
	if r.told[place] = is; !is {
		delete(r.told, place)
	}
}

func (r *ring) waiting() (now []stream.Due) {
	for c := range r.m.Dues() {
		now = append(now, c.Due)
	}
	r.dues = append(r.dues, now...)
	return now
}

// readBack puts what the task has written into its own input.
func (r *ring) readBack() {
	for _, out := range r.unread {
		r.raw(out.Key, out.Value)
	}
	r.unread = nil
}

func (r *ring) step() {
	s, id, any := r.tab()
	switch n := r.draw(24, "step"); {
	case n <= 2 || !any && n <= 11:
		r.connect()
	case n <= 7:
		r.subscribe(s, id)
	case n <= 9:
		r.end(s, id)
	case n <= 11:
		s.tabs[id].nick = rapid.SampledFrom([]string{"", "a", "b"}).Draw(r.rt, "nick")
		r.say(s, schema.TypeSessionUpdated, s.tabs[id].user, &schema.SessionUpdated{Ref: s.ref(id), Meta: metaOf(s.tabs[id].nick)})
	case n == 12:
		r.due(r.waiting())
	case n == 13:
		r.due(r.dues)
	case n == 14:
		r.expire(s)
	case n == 15:
		r.claim(s)
	case n == 16:
		r.announce(s)
	case n == 17:
		r.kill(s)
	case n == 18:
		r.readBack()
	case n == 19:
		r.own(rapid.SampledFrom([]schema.Delays{{}, grace, {UncleanMS: 5, CleanMS: 5}}).Draw(r.rt, "delays"))
	case n == 20:
		r.repeat()
	case n == 21:
		r.age()
	default:
		r.work(1+r.draw(20, "batch"), true)
	}
}

// settle brings all to rest: edges hear the verdicts and mend what they lost,
// what the task has written is read back, and every due comes.
func (r *ring) settle() {
	for quiet := false; !quiet; {
		for int(r.m.Position()) < len(r.log) {
			r.work(1+r.draw(20, "batch"), false)
		}
		quiet = len(r.unread) == 0
		r.readBack()
		for _, v := range r.m.Verdicts() {
			if s := r.sites[v.Edge]; v.Epoch >= s.epoch {
				r.claim(s)
			}
		}
		for _, s := range r.sites {
			for len(s.todo) > 0 || s.claimed {
				r.announce(s)
				quiet = false
			}
			if s.shaken && quiet { // what is lost at the end of an epoch is no gap: the edge itself knows
				r.claim(s)
				quiet = false
			}
		}
		for _, d := range r.waiting() {
			r.writeDue(d, r.owners[len(r.owners)-1])
			quiet = false
		}
	}
}

func (r *ring) check() {
	if want := r.truth(func(*site) bool { return true }); !maps.Equal(r.told, want) {
		r.rt.Fatalf("told %v, want %v", r.told, want)
	}
	known, want := map[string]string{}, map[string]string{}
	for _, s := range r.sites {
		for id, t := range s.tabs {
			want[id] = fmt.Sprintf("%s on %s/%d in %v", t.user, s.id, s.epoch, sorted(slices.Collect(maps.Values(t.subs))))
		}
	}
	for _, e := range r.m.Snapshot().Scan(kindSession) {
		s := e.(*Session)
		known[s.ID] = fmt.Sprintf("%s on %s/%d in %v", s.User, s.Edge, s.Epoch, sorted(s.Subscriptions))
	}
	if !maps.Equal(known, want) {
		r.rt.Fatalf("sessions %v, want %v", known, want)
	}
	for _, user := range []string{"alice", "bob"} {
		if seen, ok := LastSeen(r.m.Snapshot(), user); ok && r.told["@"+user+" "+user] {
			r.rt.Fatalf("%s is online, and was seen last: %+v", user, seen)
		}
	}
	if alive := r.reader(); !slices.Equal(alive, slices.Sorted(maps.Keys(want))) {
		r.rt.Fatalf("a reader of the log alone has %v, want %v\n%s", alive, slices.Sorted(maps.Keys(want)), r.text())
	}
}

// reader is who is live for a reader of the log alone that drops repeats by id:
// from a connected to an end of the same or a later epoch.
func (r *ring) reader() []string {
	alive, seen := map[string]int64{}, map[string]bool{}
	for _, rec := range r.log {
		ev, data, _ := schema.Decode(rec.Value)
		if seen[ev.ID] {
			continue
		}
		seen[ev.ID] = true
		switch d := data.(type) {
		case *schema.SessionConnected:
			alive[d.Session] = max(alive[d.Session], d.Epoch)
		case *schema.SessionDisconnected:
			if d.Epoch >= alive[d.Session] {
				delete(alive, d.Session)
			}
		}
	}
	return slices.Sorted(maps.Keys(alive))
}

// again folds the whole log at once: the same state, and nothing new is said.
func (r *ring) again() {
	m := stream.NewMachine(New(), partition)
	m.Begin("inc", 0)
	m.Presume(grace)
	for _, rec := range r.log {
		for _, out := range m.Step(rec).Outputs {
			r.publish(out)
		}
	}
	if got, want := snapshotText(r.rt, m), snapshotText(r.rt, r.m); got != want {
		r.rt.Fatalf("state of the replay:\n%s\nafter crashes:\n%s", got, want)
	}
}

func snapshotText(t tester, m *stream.Machine) string {
	var b strings.Builder
	for key, e := range m.Snapshot().Scan("") {
		value, err := New().Encode(nil, key, e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%q %s\n", key, value)
	}
	fmt.Fprintf(&b, "leases %v verdicts %v owner %+v", m.Edges(), m.Verdicts(), m.Owner())
	return b.String()
}

func TestAPartitionThatAnythingHappensToComesToRest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRing(rt)
		for range rapid.IntRange(1, 120).Draw(rt, "steps") {
			r.step()
		}
		r.settle()
		r.check()
		r.again()
	})
}

// text is the whole log, for people.
func (r *ring) text() string {
	var b strings.Builder
	for _, rec := range r.log {
		ev, _, _ := schema.Decode(rec.Value)
		fmt.Fprintf(&b, "%d %s %v %s %s\n", rec.Offset, ev.Source, ev.Sequence, ev.Type, ev.Data)
	}
	return b.String()
}
