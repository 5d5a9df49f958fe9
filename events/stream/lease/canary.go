package lease

import "time"

// canary tells whether one's own heartbeats come back in time.
type canary struct {
	late    time.Duration
	sent    map[int64]time.Duration // beats that are not back
	last    time.Duration           // the last look at the clock
	looked  bool
	trusted bool
	since   time.Duration // of the trust
	// listens is since when every heartbeat is read, if it is listening.
	listens   time.Duration
	listening bool
}

// Sent says that an own heartbeat is on its way.
func (t *Table) Sent(now time.Duration, beat int64) { t.canary.sent[beat] = now }

// Back says that an own heartbeat was read, and at which offset. If it is in
// time, and none before it is late still, doubt is over and all leases start
// anew.
func (t *Table) Back(now time.Duration, beat, offset int64) {
	t.judge(now)
	c := &t.canary
	sent, ok := c.sent[beat]
	if !ok {
		return
	}
	if t.prove(proof{offset, sent}); !c.listening {
		c.listening, c.listens = true, now
	}
	for b := range c.sent {
		if b <= beat {
			delete(c.sent, b) // the log keeps their order: those before it are back or were never written
		}
	}
	if c.trusted || now-sent > c.late {
		return
	}
	c.trusted, c.since = true, now
	for _, h := range t.leases {
		h.renewed = now
	}
}

// Doubt begins doubt from outside: heartbeats of others may have been missed.
func (t *Table) Doubt() { t.canary.trusted, t.canary.listening = false, false }

// Trusted reports that others are judged, and since when.
func (t *Table) Trusted() (since time.Duration, ok bool) { return t.canary.since, t.canary.trusted }

// judge begins doubt when an own heartbeat is late, or when nobody has looked
// for as long: then the process stood still, and what was sent to it waits.
func (t *Table) judge(now time.Duration) {
	c := &t.canary
	if c.looked && now-c.last > c.late {
		c.trusted = false
	}
	c.last, c.looked = now, true
	for _, sent := range c.sent {
		if now-sent > c.late {
			c.trusted = false
		}
	}
}
