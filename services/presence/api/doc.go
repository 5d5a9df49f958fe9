// Package api is the HTTP API of presence: who is online and where, and the
// commands to sessions.
//
// Any instance answers. A question about users goes to the instances that own
// their partitions, one hop at most, and is answered from a snapshot of the
// state: no reader holds up the fold. A command goes into the log from here,
// so it meets every session that its user has at that point of it.
package api
