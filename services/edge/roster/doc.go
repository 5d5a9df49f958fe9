// Package roster is the cache of one channel's members on an edge, as a pure
// state machine: entries of the edge's mailbox in, what to tell subscribers
// out. It knows neither sockets nor Kafka nor a clock.
//
//	      New(r)                 state of a request ≥ r
//	────▶ empty ──────────────────────────────────────────▶ live ◀─┐
//	      takes nothing else                                 │     │ changes above its version: diffs
//	                                                         └─────┘ newer state: the difference, as a diff
//
// A cache lives from the first local subscriber of its channel to the last.
// Requests count upwards over all caches of a process, so that an answer under
// way to a former cache of the same channel never fills a later one. A live
// cache that asked again (new epoch, no answer for long) goes on with what it
// has until the newer state comes.
//
// The difference of two states goes by the offset of each member's join: one
// who has left and returned in between has another, and is told as both. The
// reason of such a departure isn't known any more; it is left empty.
//
// The state of a personal channel without its member says when that user was
// there last, if the log goes back to it.
package roster
