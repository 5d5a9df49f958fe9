// Package host runs a stream service as a process does: the servers of its API
// and of its operators, the topics, and the tasks that fold its input.
//
//	servers ─▶ Kafka's client ─▶ topics ─▶ tasks      started in this order,
//	        ◀──────── stopped in the opposite one
//
// The servers come first, so that /readyz says what is waited for. When one of
// the parts ends by itself, all of it ends.
package host
