// Package oracle judges one recorded history of a running Rollcall: what
// clients did and saw, what was done to the services, and what stands in the
// public log, all on one observer's clock. It knows nothing of how Rollcall
// works inside, only what is promised, and it is pure: the simulation and the
// chaos test feed it alike.
//
// Where the observer can't know (a session is on its way, an edge may have
// noticed or not), the oracle tolerates either; all else is a violation:
//
//   - A subscriber gets a state, then diffs; versions only grow; each diff fits
//     the roster before it, names each departure and arrival of the log between
//     the two versions once, and leads to the roster that the log has there.
//   - Nobody is told to have left who was there, or back within the grace.
//   - Everybody who left is told so, to the log and to each subscriber that
//     stayed connected, within the bound.
//   - At rest the roster of the log and of each subscriber are those who are there.
//   - An acknowledged message reaches each subscriber once, in its sender's order.
//   - A reader of session.lifecycle alone knows who is there, and one end of
//     each session; stamps only grow.
//
// Time that counts towards a bound runs only while nothing is broken, nor was
// until Config.Recovery ago.
package oracle
