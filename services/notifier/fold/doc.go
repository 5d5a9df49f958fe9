// Package fold decides which edges must be told what. It is a pure function of
// the log channel.events: state × event → state × entries for the mailboxes of
// edges. It reads neither clock nor setting.
//
// For each channel it keeps the roster, as the presence.joined, .updated and
// .left of the log say, and the edges that are interested:
//
//	                edge.interested                    edge.uninterested, edge.started of a
//	not interested ────────────────▶ interested ─────────────────────────────────────────────▶ not interested
//	                  (answer: state)     │         later epoch, edge.expired of this or a later one
//	                                      └─▶ every change and message behind it, each with its offset
//
// Of an empty personal channel the state says when its user was there last, for
// as long as the log goes back to that: once its start has passed, the owner
// appends a leave.due for it.
//
// An interested edge gets the channel's state as of the offset of its
// edge.interested, then each change above: the two meet without gap or
// overlap, since both stand in one order. Edges are told in the order of their
// ids, members stand in the order of theirs.
package fold
