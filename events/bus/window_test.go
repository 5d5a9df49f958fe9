package bus

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The window against a model: commits are the offset behind the longest
// acknowledged prefix, they only grow, and room is what isn't behind them.
func TestAckWindowProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 8).Draw(t, "size")
		w := newAckWindow(size)
		type record struct {
			slot   uint64
			offset int64
			acked  bool
		}
		var all []record
		committed := 0 // records behind the line
		full, cancel := context.WithCancel(t.Context())
		cancel()
		offset := int64(rapid.IntRange(0, 5).Draw(t, "start"))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "add") {
				ctx := t.Context()
				if len(all)-committed == size {
					ctx = full
				}
				slot, err := w.add(ctx, offset)
				if len(all)-committed == size {
					if err == nil {
						t.Fatal("added to a full window")
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, record{slot: slot, offset: offset})
				offset += int64(rapid.IntRange(1, 4).Draw(t, "hole"))
				continue
			}
			if len(all) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(all)-1).Draw(t, "which") // acked ones too
			all[i].acked = true
			was := committed
			for committed < len(all) && all[committed].acked {
				committed++
			}
			var reported []int64
			w.ack(all[i].slot, func(next int64) { reported = append(reported, next) })
			var want []int64
			if committed > was {
				want = []int64{all[committed-1].offset + 1}
			}
			if !slices.Equal(reported, want) {
				t.Fatalf("reported %v, want %v", reported, want)
			}
		}
	})
}

func TestAckWindowWaitsForRoom(t *testing.T) {
	w := newAckWindow(1)
	slot, err := w.add(t.Context(), 7)
	must(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrClaimEnded)
	if _, err := w.add(ctx, 8); !errors.Is(err, ErrClaimEnded) {
		t.Fatalf("add to a full window: %v", err)
	}
	done := make(chan error, 1)
	go func() { _, err := w.add(t.Context(), 8); done <- err }()
	w.ack(slot, func(int64) {})
	must(t, <-done)
}
