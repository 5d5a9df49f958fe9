// Package fold decides who is present. It is a pure function of the log
// session.lifecycle: state × event → state × outputs. It reads no clock and no
// setting; delays come from the owner.started of the log, the end of a delay
// as leave.due, the end of a lease as edge.expired.
//
// A session is live from session.connected to session.disconnected. When it
// ends, or leaves one channel, it may hold its place there for a while:
//
//	         connected                        disconnected, edge.expired,
//	absent ────────────▶ live in a channel ──────────────────────────────▶ held
//	   ▲                     ▲       │ delay 0           edge.started       │ │
//	   │                     │       ▼                                      │ │
//	   │◀────────────────────┼──── left ◀────────── leave.due ──────────────┘ │
//	   │                     └──── a new session takes its place, ◀──────────┘
//	   │                           or it is announced again
//
// A user is in a channel while any session of theirs is live there with a
// member subscription, or holds it. Every session is a member of the personal
// channel "@user" from its beginning to its end. What the others were told
// (presence.joined, .left, .updated) is kept as a Membership, and each event
// ends in settling the channels it touched: whatever differs from what was
// told is told. So joined and left alternate by construction.
//
// When an offline user was seen last is kept for as long as the log goes back:
// once its start has passed, the owner appends a leave.due for that too. So
// state is bounded by the log's retention, and the log alone gives it back.
//
// A kick meets every session that its user has at that point of the log, held
// ones included. It waits with the hold of a session whose edge is lost, and
// then as Kicked, for the edge to wake up and announce the session again.
//
// Meta and status of a member are those of the user's newest live session in
// the channel that has said anything; when there is none, they stay.
package fold
