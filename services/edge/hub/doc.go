// Package hub holds an edge's sessions and channels: it carries out what a
// session's state machine asks for, sends the events, and gives subscribers
// what the mailbox brings.
//
//	connection ──Data──▶ client ──events──▶ outbox
//	                       │ subscriptions
//	                       ▼
//	mailbox ──Deliver──▶ channel (roster cache) ──frames──▶ connections
//
// A session is announced and ended under its client's mu, and its events go to
// one lane of the outbox: so a session that has ended is never announced after
// its end. A session is in the registry before its first event is added: so a
// new epoch finds every session whose events left under an older one.
//
// An idle session costs no goroutine, timer or channel here. What has to happen
// later (a new epoch, events that found the outbox full, a channel without an
// answer or that lingers, a subscriber that is behind) stands in sets that one
// loop works off, and what a time is set for (the end of a token) in a heap.
//
// Lock order: Hub.working, client.mu, shard.mu, channel.mu, then the leaves: todo.mu, lingering.mu, schedule.mu, the
// outbox's and the connection's own locks. Acknowledgements take only leaves.
package hub
