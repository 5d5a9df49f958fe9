package rig

import (
	"slices"
	"testing"
	"time"
)

// Percentile is the q-th of the durations (0 to 1), which get sorted.
func Percentile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(float64(len(d))*q), len(d)-1)]
}

// ReportLatency adds p50 and p99 in milliseconds, under a prefix.
func ReportLatency(b *testing.B, prefix string, d []time.Duration) {
	b.Helper()
	for _, p := range []struct {
		q    float64
		name string
	}{{0.5, "p50-ms"}, {0.99, "p99-ms"}} {
		b.ReportMetric(float64(Percentile(d, p.q).Microseconds())/1000, prefix+p.name)
	}
	b.ReportMetric(0, "ns/op")
}
