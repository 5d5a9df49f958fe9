// Package fold is the pure half of a partition task: what a service decides
// ([Fold]), the state it decides on ([Store]) and the rules of the log around
// it ([Machine]). It reads no clock, no flag and no network: the same input
// gives the same state and the same outputs under the same stamps, whatever
// the batch boundaries and however often it is replayed.
//
// For each record of the input partition, in order:
//
//	decode ──▶ owner epoch ──▶ edge fence ──▶ watermark ──▶ Fold.Apply ──▶ commit ──▶ stamped outputs
//	   │            │               │             │             │ panics, or what it made can't be encoded
//	   ▼            ▼               ▼             ▼             ▼
//	poison/unknown  stale          fenced       duplicate     poison (nothing of it is kept)
//
// Everything that isn't pure (reading, publishing, flushing, delays, leases)
// is in package stream.
package fold
