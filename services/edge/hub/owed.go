package hub

import "time"

// owed are the sessions of one partition that the log has to be told of, each
// with when that fell due, as a time of the hub above 0. Until it is told, a
// return of somebody may be among them: so their age counts in the edge's
// backlog, like that of events in the outbox.
type owed map[*client]time.Duration

// announce: the log is to be told of the whole session, and was since then. Its
// lane is full as a rule, so the loop's next tick is soon enough.
func (t *todo) announce(c *client, partition int32, since time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	since = max(since, 1)
	if before, ok := t.sessions[partition][c]; !ok || since < before {
		t.sessions[partition][c] = since
	}
}

// dropSession: there is no session to tell of any more.
func (t *todo) dropSession(c *client, partition int32) { forget(t, t.sessions[partition], c) }

// takeOwed removes one session of a partition. It counts in oldest until the
// next is taken, or none is left: by then it is in the outbox, or here again.
func (t *todo) takeOwed(partition int) (c *client, since time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under = 0
	for c, since := range t.sessions[partition] {
		delete(t.sessions[partition], c)
		t.under = since
		return c, since, true
	}
	return nil, 0, false
}

// settled: the announcement taken last was made.
func (t *todo) settled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.under = 0
}

// oldest is when the oldest of all announcements fell due, 0 if there is none.
func (t *todo) oldest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	oldest := t.under
	for _, sessions := range t.sessions {
		for _, since := range sessions {
			if oldest == 0 || since < oldest {
				oldest = since
			}
		}
	}
	return oldest
}
