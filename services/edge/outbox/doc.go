// Package outbox carries the edge's events to Kafka in order, under the stamps
// by which readers know repeats from gaps.
//
//	Add ──▶ lane (one per topic and partition) ──stamp──▶ producer ──ack──▶ Done
//	        waiting, bounded, without a stamp              in flight, a window
//
// An event gets its epoch and sequence at the moment it is handed to the
// producer, which keeps the order of a partition and tries for ever: so a
// sequence is used for exactly one event, those of a partition leave without a
// hole, and what still waits when the epoch changes goes out under the new one.
//
// A lane is bounded. What doesn't fit is refused, and whoever added it tells
// the present state later instead: memory follows the number of sessions, not
// the length of an outage. Ends of sessions are always taken, for there is one
// per session and new ones are not admitted while the outbox is full.
//
// Lock order: a lane's mu, then its ackMu. Done is called from the producer's
// goroutine, or, for what can't be sent, with the lane's mu held: it must
// neither block nor call the outbox.
package outbox
