package stream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"rollcall.dev/events/bus"
	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

// edition is the fold as one build has it: version 2 keeps something with each
// session that version 1 doesn't know.
type edition struct {
	rooms.Fold
	version int
}

func (e edition) Version() int { return e.version }

func (e edition) Encode(dst []byte, key string, x fold.Entity) ([]byte, error) {
	if e.version < 2 {
		return e.Fold.Encode(dst, key, x)
	}
	value, err := json.Marshal(struct {
		*rooms.Session
		Mood string
	}{x.(*rooms.Session), "calm"})
	return append(dst, value...), err
}

// judge compares what readers were told, and what there is to restore, with what
// one undisturbed owner makes of the same input. Grace is the first owner's.
func (w *world) judge(last *stream.Service, grace time.Duration) {
	w.t.Helper()
	restored := w.restored()
	ref := fold.NewMachine(rooms.Fold{}, 0)
	ref.Begin(restored.Incarnation(), 0)
	ref.Presume(schema.Delays{UncleanMS: grace.Milliseconds()})
	ref.Partitions(1)
	want := map[string][]string{}
	for _, rec := range w.all(w.topics.Lifecycle()) {
		if rec.Offset >= restored.Position() {
			w.t.Errorf("the changelog has the state up to offset %d, but the log goes on with %s", restored.Position(), rec.Value)
			return
		}
		r := ref.Step(fold.Record{Offset: rec.Offset, Key: rec.Key, Value: rec.Value})
		for _, o := range r.Outputs {
			topic, about := w.topics.Mailbox(), "entry"
			if o.Mailbox == nil {
				topic, about = w.topics.Prefix+o.Topic, w.about(o.Value)
			}
			want[topic] = append(want[topic], fmt.Sprint(o.Sequence, " ", about))
		}
	}
	for _, topic := range []string{w.topics.ChannelEvents(), w.topics.Mailbox()} {
		if got := w.told(topic, ref.Source()); !slices.Equal(got, want[topic]) {
			w.t.Errorf("readers of %s were told\n%q, one owner would have told\n%q", topic, got, want[topic])
		}
	}
	if got, want := entities(restored.Snapshot().Scan("")), entities(ref.Snapshot().Scan("")); got != want {
		w.t.Errorf("the changelog has\n%s, but the log makes\n%s", got, want)
	}
	if got, want := fmt.Sprint(restored.Edges(), restored.Verdicts(), restored.Owner().Epoch), fmt.Sprint(ref.Edges(), ref.Verdicts(), ref.Owner().Epoch); got != want {
		w.t.Errorf("edges, verdicts and owner are %s, but the log makes %s", got, want)
	}
	if v, ok := last.View(0); !ok {
		w.t.Errorf("the last owner doesn't run")
	} else if got, want := entities(v.Scan("")), entities(ref.Snapshot().Scan("")); got != want {
		w.t.Errorf("the last owner has\n%s, but the log makes\n%s", got, want)
	}
}

// all is what stands in the first partition of a topic.
func (w *world) all(topic string) (all []bus.Record) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r := w.client.NewReader(bus.ReaderConfig{Topic: topic, Start: bus.FirstOffset, MaxWait: time.Millisecond})
	for {
		b, err := r.Next(ctx)
		if err != nil {
			w.t.Fatal(err)
		}
		if all = append(all, b.Records...); b.Next >= b.HighWatermark {
			return all
		}
	}
}

// restored is the state in the changelog.
func (w *world) restored() *fold.Machine {
	w.t.Helper()
	r := fold.NewRestorer(rooms.Fold{}, 0)
	for _, rec := range w.all(w.topics.PresenceState()) {
		r.Add(fold.Change{Key: string(rec.Key), Value: rec.Value, Offset: rec.Offset})
	}
	m, fresh, _, err := r.Machine(bus.MaxBatchBytes)
	if err != nil || fresh || len(r.Unread()) > 0 {
		w.t.Fatalf("changelog: fresh %v, unread %v, %v", fresh, r.Unread(), err)
	}
	return m
}

func (w *world) about(value []byte) string {
	_, data, err := schema.Decode(value)
	if err != nil {
		w.t.Fatal(err)
	}
	return text(data)
}

// told is what a reader of a topic makes of it: of each source all above what it
// has seen. What is of another source than the task's is named.
func (w *world) told(topic, source string) (all []string) {
	marks := map[string]schema.Sequence{}
	tell := func(from string, seq schema.Sequence, about string) {
		if m, ok := marks[from]; ok && !seq.Above(m) {
			return
		}
		if marks[from] = seq; from != source {
			about += " from " + from
		}
		all = append(all, fmt.Sprint(seq, " ", about))
	}
	for _, rec := range w.all(topic) {
		if topic != w.topics.Mailbox() {
			ev, _, err := schema.Decode(rec.Value)
			if err != nil {
				w.t.Fatal(err)
			}
			tell(ev.Source, ev.Sequence, w.about(rec.Value))
			continue
		}
		var m schema.MailboxRecord
		mustJSON(w.t, rec.Value, &m)
		for _, e := range m.Entries {
			tell(m.Source, e.Sequence, "entry")
		}
	}
	return all
}

func entities(all iter.Seq2[string, fold.Entity]) string {
	var b strings.Builder
	for _, e := range all {
		s := e.(*rooms.Session)
		fmt.Fprintf(&b, "%s/%s at %s/%d, visit %d, cause %d\n", s.User, s.Session, s.Edge, s.Epoch, s.Visits, s.Cause)
	}
	return b.String()
}

// wantTold compares what was told of each user with what is written of them:
// "join 1, left". Between users the order is a matter of time. Expiries are those
// that may stand in the input, as heard puts them.
func (l *lab) wantTold(want map[string]string, expiries ...string) {
	l.t.Helper()
	got := map[string][]string{}
	for _, said := range l.heard() {
		what, rest, _ := strings.Cut(said, " ")
		user, visit, _ := strings.Cut(rest, " ")
		if what != "expired" {
			got[user] = append(got[user], strings.TrimSpace(what+" "+visit))
		} else if !slices.Contains(expiries, said) {
			l.t.Errorf("%s, but it lives", said)
		}
	}
	for _, user := range slices.Sorted(maps.Keys(want)) {
		if told := strings.Join(got[user], ", "); told != want[user] {
			l.t.Errorf("of %s was told %q, want %q", user, told, want[user])
		}
		delete(got, user)
	}
	if len(got) > 0 {
		l.t.Errorf("of others was told %v", got)
	}
}
