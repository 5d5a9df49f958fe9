package fold_test

import (
	"fmt"
	"testing"

	"rollcall.dev/events/stream/fold"
)

func benchLog(b *testing.B) *log {
	l := &log{t: b}
	for i := range 20_000 {
		l.connected("e1", 1, int64(i+1), fmt.Sprintf("u%d", i%5000))
	}
	return l
}

func BenchmarkDecode(b *testing.B) {
	l, i := benchLog(b), 0
	for b.Loop() {
		fold.Decode(l.records[i%len(l.records)])
		i++
	}
}

// Fold an event that puts an entity and has two outputs; a flush per 1,000.
func BenchmarkFold(b *testing.B) {
	l := benchLog(b)
	var decoded []fold.Decoded
	for _, rec := range l.records {
		decoded = append(decoded, fold.Decode(rec))
	}
	i, m := 0, newMachine()
	for b.Loop() {
		if i == len(decoded) {
			i, m = 0, newMachine()
		}
		m.Fold(decoded[i])
		if i++; i%1000 == 0 {
			if _, err := m.Flush(limit); err != nil {
				b.Fatal(err)
			}
		}
	}
}
