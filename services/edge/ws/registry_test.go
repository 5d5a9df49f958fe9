package ws

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Whatever comes and goes, the registry holds exactly what is there, spread
// over its buckets.
func TestRegistry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r registry
		var want []*conn
		for turn := range uint32(rapid.IntRange(0, 200).Draw(t, "steps")) {
			if len(want) > 0 && rapid.IntRange(0, 2).Draw(t, "step") == 0 {
				at := rapid.IntRange(0, len(want)-1).Draw(t, "who")
				r.remove(want[at])
				want = slices.Delete(want, at, at+1)
				continue
			}
			c := new(conn)
			r.add(c, turn%(buckets+2)) // some buckets hold several
			want = append(want, c)
		}
		got := r.snapshot()
		if len(got) != len(want) || r.len() != len(want) {
			t.Fatalf("%d and %d connections, want %d", len(got), r.len(), len(want))
		}
		for _, c := range want {
			if !slices.Contains(got, c) {
				t.Fatal("a connection is missing")
			}
		}
	})
}
