package bus

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestFencedWriterRefusesFormerOwner(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1, "cleanup.policy=compact")
	id := uniqueName("owner")
	ctx := within(t, 30*time.Second)
	old, young := c.NewFencedWriter(topic, 0, id), c.NewFencedWriter(topic, 0, id)
	if _, err := old.Append(ctx, []Record{{Key: []byte("k")}}); !errors.Is(err, ErrNotInitialized) {
		t.Fatalf("append before init: %v", err)
	}
	must(t, old.Init(ctx))
	appendValue(t, old, "old-1")
	appendValue(t, old, "old-2")
	must(t, young.Init(ctx))
	appendValue(t, young, "young-marker")

	// A late repeat of the former owner's last batch, and a new batch of it.
	late := append([]byte(nil), old.encode([]Record{{Key: []byte("k"), Value: []byte("old-3")}})...)
	if _, err := old.Append(ctx, []Record{{Key: []byte("k"), Value: []byte("old-3")}}); !errors.Is(err, ErrFenced) {
		t.Fatalf("former owner's append: %v, want ErrFenced", err)
	}
	if _, came, err := c.produce(ctx, topic, 0, late, appendTimeout); came != answered || judge(err) != verdictFenced {
		t.Fatalf("former owner's late repeat: %v (reach %v)", err, came)
	}
	if _, err := old.Append(ctx, []Record{{Key: []byte("k")}}); !errors.Is(err, ErrNotInitialized) {
		t.Fatalf("append after being fenced: %v", err)
	}
	appendValue(t, young, "young-2")
	want := []string{"old-1", "old-2", "young-marker", "young-2"}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}

	// The fenced owner may claim anew, and then fences the other.
	must(t, old.Init(ctx))
	appendValue(t, old, "old-again")
	if _, err := young.Append(ctx, []Record{{Key: []byte("k"), Value: []byte("x")}}); !errors.Is(err, ErrFenced) {
		t.Errorf("second fencing: %v", err)
	}
}

func TestFencedWriterDropsRepeats(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	ctx := within(t, 30*time.Second)
	w := c.NewFencedWriter(topic, 0, uniqueName("owner"))
	must(t, w.Init(ctx))
	first := w.encode([]Record{{Value: []byte("1")}})
	appendValue(t, w, "1")
	if base, _, err := c.produce(ctx, topic, 0, first, appendTimeout); judge(err) != verdictDone && judge(err) != verdictDuplicate || err == nil && base != 0 {
		t.Errorf("repeat: offset %d, %v", base, err)
	}
	for _, v := range []string{"2", "3", "4", "5", "6", "7", "8"} {
		appendValue(t, w, v)
	}
	// Older than the broker remembers: refused or recognised, never appended.
	if _, _, err := c.produce(ctx, topic, 0, first, appendTimeout); err == nil {
		t.Log("broker recognised a repeat of eight batches ago")
	}
	// A gap in the sequence is refused, and the claim is over.
	w.sequence += 5
	if _, err := w.Append(ctx, []Record{{Value: []byte("gap")}}); !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("gap: %v", err)
	}
	want := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, want) {
		t.Errorf("log %v, want %v", got, want)
	}
}

func TestFencedWriterRenewsItsID(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	ctx := within(t, 30*time.Second)
	id := uniqueName("owner")
	w := c.NewFencedWriter(topic, 0, id)
	must(t, w.Init(ctx))
	appendValue(t, w, "1")
	before := w.id
	w.since = w.since.Add(-renewAfter)
	appendValue(t, w, "2")
	if w.id.id != before.id || w.id.epoch <= before.epoch {
		t.Errorf("renewed %+v to %+v, want the same id and a higher epoch", before, w.id)
	}
	appendValue(t, w, "3")
	// A former owner has no batch taken, so it doesn't renew and take it back.
	young := c.NewFencedWriter(topic, 0, id)
	must(t, young.Init(ctx))
	appendValue(t, young, "4")
	w.since = w.since.Add(-renewAfter)
	if _, err := w.Append(ctx, []Record{{Value: []byte("late")}}); !errors.Is(err, ErrFenced) {
		t.Errorf("append by the former owner: %v, want ErrFenced", err)
	}
	young.since = young.since.Add(-claimExpiry - time.Second)
	if _, err := young.Append(ctx, []Record{{Value: []byte("late")}}); !errors.Is(err, ErrFenced) {
		t.Errorf("append under an expired claim: %v, want ErrFenced", err)
	}
	if got := values(readAll(t, c, topic, 0)); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("log %v", got)
	}
}

func TestFencedWriterBatchTooLarge(t *testing.T) {
	c := testClient(t, testBrokers(t))
	topic := newTopic(t, c, 1)
	ctx := within(t, 30*time.Second)
	w := c.NewFencedWriter(topic, 0, uniqueName("owner"))
	must(t, w.Init(ctx))
	if _, err := w.Append(ctx, []Record{{Value: make([]byte, MaxBatchBytes)}}); !errors.Is(err, ErrBatchTooLarge) {
		t.Errorf("got %v, want ErrBatchTooLarge", err)
	}
	appendValue(t, w, "goes on")
	// Just what fits goes through as one batch.
	big := []Record{{Value: make([]byte, MaxBatchBytes-batchHeaderSize-20)}}
	if n := BatchSize(big); n > MaxBatchBytes || n < MaxBatchBytes-20 {
		t.Fatalf("test batch has %d bytes", n)
	}
	if base, err := w.Append(ctx, big); err != nil || base != 1 {
		t.Errorf("largest batch: offset %d, %v", base, err)
	}
}

func appendValue(t *testing.T, w *FencedWriter, value string) {
	t.Helper()
	if _, err := w.Append(within(t, 10*time.Second), []Record{{Key: []byte("k"), Value: []byte(value)}}); err != nil {
		t.Fatalf("append %s: %v", value, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
