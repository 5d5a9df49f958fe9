package fold_test

import (
	"strings"
	"testing"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

func (l *log) connectedTo(mailbox int32, edge string, seq int64, user string) fold.Record {
	return l.add(schema.EdgeSource(edge, 1), seq, schema.TypeSessionConnected,
		&schema.SessionConnected{Ref: ref(edge, 1, user), MailboxPartition: mailbox})
}

// One record that names a partition which isn't there must not stop all.
func TestAnOutputToNoPartitionIsPoison(t *testing.T) {
	l, m := &log{t: t}, newMachine()
	m.Partitions(4)
	wantStep(t, m, l.connectedTo(3, "e1", 1, "alice"), "applied presence.joined mailbox@e1")
	before := m.Snapshot().Len()
	r := wantStep(t, m, l.connectedTo(4, "e1", 2, "mallory"), "poison")
	if r.Err == nil || !strings.Contains(r.Err.Error(), "partition 4") {
		t.Errorf("reason %v", r.Err)
	}
	if m.Snapshot().Len() != before {
		t.Error("what the fold did is kept")
	}
	// Its place in the edge's sequence is kept: what follows is no gap.
	wantStep(t, m, l.connectedTo(0, "e1", 3, "bob"), "applied presence.joined mailbox@e1")
}

func TestAMailboxEntryNeedsItsPartition(t *testing.T) {
	m := fold.NewMachine(stray{rooms.Fold{}}, partition)
	m.Begin("inc", 0)
	m.Partitions(4)
	l := &log{t: t}
	r := wantStep(t, m, l.connected("e1", 1, 1, "alice"), "poison")
	if r.Err == nil || !strings.Contains(r.Err.Error(), "partition -1") {
		t.Errorf("reason %v", r.Err)
	}
}

// stray sends its mailbox entries to any partition.
type stray struct{ rooms.Fold }

func (stray) Apply(tx *fold.Tx, _ fold.Input) {
	tx.Emit(fold.Output{Mailbox: &fold.MailboxOutput{Edge: "e1", Partition: fold.AnyPartition}})
}

// An output is bounded with all that goes into its record.
func TestAnOutputWithALargeKeyIsPoison(t *testing.T) {
	m := fold.NewMachine(longKey{rooms.Fold{}}, partition)
	m.Begin("inc", 0)
	l := &log{t: t}
	r := wantStep(t, m, l.connected("e1", 1, 1, "alice"), "poison")
	if r.Err == nil || !strings.Contains(r.Err.Error(), "at most") {
		t.Errorf("reason %v", r.Err)
	}
}

type longKey struct{ rooms.Fold }

func (longKey) Apply(tx *fold.Tx, in fold.Input) {
	tx.Emit(fold.Output{Topic: schema.TopicChannelEvents, Type: schema.TypePresenceLeft, Partition: fold.AnyPartition,
		Key: strings.Repeat("k", fold.MaxOutput), Data: &schema.PresenceLeft{Channel: "c", User: "u"}})
}

// A source is kept in the changelog, under its name.
func TestARecordOfAnEndlessSourceIsPoison(t *testing.T) {
	for _, source := range []string{
		"/tasks/" + strings.Repeat("x", 950_000) + "/3",
		schema.EdgeSource(strings.Repeat("e", 950_000), 1),
	} {
		l, m := &log{t: t}, newMachine()
		wantStep(t, m, l.add(source, 1, schema.TypeSessionConnected, &schema.SessionConnected{Ref: ref("e1", 1, "alice")}), "poison")
		batches, err := m.Flush(limit)
		if err != nil || len(batches) != 1 {
			t.Errorf("flush: %v in %d batches", err, len(batches))
		}
	}
}
