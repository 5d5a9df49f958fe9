package fold_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

func keys(seq func(func(string, fold.Entity) bool)) (all []string) {
	for key := range seq {
		all = append(all, key)
	}
	return all
}

// sortedBy are the keys with a prefix, of a model.
func sortedBy(model map[string]string, prefix string) (all []string) {
	for _, key := range slices.Sorted(maps.Keys(model)) {
		if strings.HasPrefix(key, prefix) {
			all = append(all, key)
		}
	}
	return all
}

// byEdge are the keys of an edge's sessions, in the order of the index.
func byEdge(model map[string]string, edge string) (all []string) {
	for _, key := range sortedBy(model, "") {
		if model[key] == edge {
			all = append(all, key)
		}
	}
	return all
}

// A transaction looks like the map that it will leave behind, and a store like
// all transactions that were committed.
func TestTxIsAnOrderedMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store, committed := fold.NewStore(rooms.Fold{}), map[string]string{}
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			tx, model := store.Begin(fold.Owner{}), maps.Clone(committed)
			for range rapid.IntRange(0, 12).Draw(rt, "changes") {
				key := rapid.SampledFrom([]string{"a", "a1", "a2", "b", "b1", "c"}).Draw(rt, "key")
				if rapid.Bool().Draw(rt, "delete") {
					tx.Delete(key)
					delete(model, key)
				} else {
					edge := rapid.SampledFrom([]string{"e", "e1", "f"}).Draw(rt, "edge")
					tx.Put(key, &rooms.Session{Edge: edge})
					model[key] = edge
				}
				check(rt, tx, model)
			}
			if rapid.Bool().Draw(rt, "commit") {
				store.Commit(tx)
				committed = model
			}
			check(rt, store.Snapshot(), committed)
		}
	})
}

type view interface {
	Get(string) (fold.Entity, bool)
	Scan(string) func(func(string, fold.Entity) bool)
	ScanIndex(string) func(func(string, fold.Entity) bool)
}

func check(rt *rapid.T, got any, model map[string]string) {
	var v view
	switch x := got.(type) {
	case *fold.Tx:
		v = txView{x}
	case *fold.Snapshot:
		v = snapshotView{x}
	}
	for _, prefix := range []string{"", "a", "a1", "b", "z"} {
		if got, want := keys(v.Scan(prefix)), sortedBy(model, prefix); !slices.Equal(got, want) {
			rt.Fatalf("scan of %q: %q, want %q", prefix, got, want)
		}
	}
	for _, edge := range []string{"e", "e1", "f"} {
		if got, want := keys(v.ScanIndex("e\x00"+edge+"\x00")), byEdge(model, edge); !slices.Equal(got, want) {
			rt.Fatalf("index scan of %q: %q, want %q", edge, got, want)
		}
	}
	for _, key := range []string{"a", "a1", "b"} {
		e, ok := v.Get(key)
		if edge, want := model[key]; ok != want || ok && e.(*rooms.Session).Edge != edge {
			rt.Fatalf("get %q: %v %v, want %v", key, e, ok, want)
		}
	}
}

type txView struct{ *fold.Tx }

func (v txView) Scan(p string) func(func(string, fold.Entity) bool)      { return v.Tx.Scan(p) }
func (v txView) ScanIndex(p string) func(func(string, fold.Entity) bool) { return v.Tx.ScanIndex(p) }

type snapshotView struct{ *fold.Snapshot }

func (v snapshotView) Scan(p string) func(func(string, fold.Entity) bool) { return v.Snapshot.Scan(p) }
func (v snapshotView) ScanIndex(p string) func(func(string, fold.Entity) bool) {
	return v.Snapshot.ScanIndex(p)
}

// A fold ends sessions while it scans them.
func TestScanMayChangeWhatItScans(t *testing.T) {
	store := fold.NewStore(rooms.Fold{})
	tx := store.Begin(fold.Owner{})
	for i := range 100 {
		tx.Put(fmt.Sprintf("k%02d", i), &rooms.Session{Edge: "e"})
	}
	store.Commit(tx)
	tx = store.Begin(fold.Owner{})
	tx.Put("k000", &rooms.Session{Edge: "e"})
	n := 0
	for key := range tx.ScanIndex("e\x00e\x00") {
		n++
		tx.Delete(key)
		tx.Put("x"+key, &rooms.Session{Edge: "gone"})
	}
	if n != 101 || len(keys(tx.ScanIndex("e\x00e\x00"))) != 0 || len(keys(tx.Scan("x"))) != 101 {
		t.Errorf("%d scanned, %d left, %d moved", n, len(keys(tx.ScanIndex("e\x00e\x00"))), len(keys(tx.Scan("x"))))
	}
	for range tx.Scan("x") {
		break // leaving early is fine
	}
	if store.Snapshot().Len() != 100 {
		t.Error("a transaction changed the store before its commit")
	}
}

func TestRuntimeKeysAreRefused(t *testing.T) {
	for _, key := range []string{"", "!task"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("put %q was taken", key)
				}
			}()
			fold.NewStore(rooms.Fold{}).Begin(fold.Owner{}).Put(key, &rooms.Session{})
		}()
	}
}
