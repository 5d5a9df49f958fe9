package fold

import (
	"runtime"
	"testing"

	stream "rollcall.dev/events/stream/fold"
)

// changelog is what the sessions of so many users leave behind, each in two
// rooms, as compaction keeps it.
func changelog(b *testing.B, users int) []stream.Change {
	b.Helper()
	m := stream.NewMachine(New(), partition)
	m.Begin("i", 0)
	var all []stream.Change
	for _, rec := range history(b, users) {
		m.Step(rec)
	}
	batches, err := m.Flush(1 << 30)
	if err != nil {
		b.Fatal(err)
	}
	for _, batch := range batches {
		all = append(all, batch...)
	}
	return all
}

// BenchmarkRestore makes a state of the changelog, in key order, and reports
// what the heap holds of it per user.
func BenchmarkRestore(b *testing.B) {
	const users = 20_000
	changes := changelog(b, users)
	var kept *stream.Machine
	before := inUse()
	b.ReportAllocs()
	for b.Loop() {
		r := stream.NewRestorer(New(), partition)
		for _, c := range changes {
			// As it comes from a reader: of another piece of memory each time.
			r.Add(stream.Change{Key: string([]byte(c.Key)), Value: c.Value})
		}
		m, _, _, err := r.Machine(1 << 20)
		if err != nil {
			b.Fatal(err)
		}
		kept = m
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/user")
	b.ReportMetric(float64(inUse()-before)/users, "B/user")
	if kept.Snapshot().Len() != 4*users {
		b.Fatalf("%d entities, want a session and three memberships of each user", kept.Snapshot().Len())
	}
	runtime.KeepAlive(changes)
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
