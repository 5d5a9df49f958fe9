// Package lease judges edges by their heartbeats. It is a table of durations
// since an arbitrary start, without a clock and without Kafka.
//
// An epoch of an edge has a lease from the moment a task first names it; every
// heartbeat of the edge under that or a newer epoch renews it. Whoever judges
// others must hear himself: each own heartbeat has to come back through Kafka
// in time (the canary). While one is late, or after a pause of the process,
// nothing expires, and once they come back in time all leases start anew:
//
//	          an own beat is back in time
//	doubt ───────────────────────────────▶ trust
//	  ▲                                      │
//	  └──────────────────────────────────────┘
//	     an own beat is late, or a pause
//
// When more than half of at least four edges would expire at once, the fault
// is more likely here than there: expiry holds for a while.
package lease
