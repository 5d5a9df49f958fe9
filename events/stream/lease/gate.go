package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

const (
	// freshHalves, in halves of an interval, is how old the last heartbeat may
	// be of an edge that doesn't tell what it has heard, and how long the table
	// listens before it believes that it has heard of all.
	freshHalves = 5
	// backlog is how old the oldest unacknowledged event may be of an edge that
	// doesn't tell what it has heard.
	backlog = time.Second
	// maxProofs bounds the own beats that edges may refer to: more than a
	// minute of them.
	maxProofs = 512
)

// never is before all times: nothing is clear.
const never = time.Duration(-1)

var (
	errDoubt  = errors.New("own heartbeats don't come back in time")
	errListen = errors.New("not listened for long enough to know all edges")
)

// proof is an own beat that stands in the log: what was made after the record
// at offset was read, was made after sent.
type proof struct {
	offset int64
	sent   time.Duration
}

// prove keeps an own beat that is back.
func (t *Table) prove(p proof) {
	if len(t.proofs) == maxProofs {
		t.proofs = slices.Delete(t.proofs, 0, maxProofs/2)
	}
	t.proofs = append(t.proofs, p)
}

// vouched is the time up to which an edge's beat says that all its events are
// in the log. The beat was made after the edge had read an own beat, hence
// after that was sent: no clock is compared with another. What waits was added
// at most OldestMS before the beat was made, for such edges round it up.
func (t *Table) vouched(hb *schema.Heartbeat) time.Duration {
	i, found := slices.BinarySearchFunc(t.proofs, hb.Heard, func(p proof, heard int64) int { return int(p.offset - heard) })
	if !found {
		i--
	}
	if i < 0 {
		return never
	}
	return t.proofs[i].sent - time.Duration(hb.OldestMS)*time.Millisecond
}

// Clear is the time up to which a return is in the log, if there was one: who
// came back to an edge that lives before then, has come back. Why says what it
// waits for, nil if for nothing but the next heartbeats.
//
// An edge vouches for itself (vouched). One that doesn't tell what it has heard
// is believed while it is fresh and has nothing old in its outbox. An edge that
// has expired and is heard again has yet to tell what it holds.
func (t *Table) Clear(now time.Duration) (upTo time.Duration, why error) {
	c := &t.canary
	if !c.listening || now-c.listens < t.cfg.Interval*freshHalves/2 || len(t.proofs) == 0 {
		return never, errListen
	}
	upTo = t.proofs[len(t.proofs)-1].sent
	var silent, behind []string
	leased := t.leasedEdges()
	for id, e := range t.edges {
		quiet := now - max(e.Seen, c.since)
		switch {
		case e.Last.Stopped, e.Expired && now-e.Seen > t.cfg.Lease:
		case c.trusted && !leased[id] && quiet > t.cfg.Lease:
			// No state rests on it, and it is gone.
		case e.Expired:
			behind, upTo = append(behind, id), never
		case e.Last.Heard > 0:
			if upTo = min(upTo, e.Clear); now-e.Seen > t.cfg.Interval*freshHalves/2 {
				silent = append(silent, id)
			} else if time.Duration(e.Last.OldestMS)*time.Millisecond > backlog {
				behind = append(behind, id)
			}
		case !c.trusted:
			return never, errDoubt
		case now-e.Seen > t.cfg.Interval*freshHalves/2:
			silent, upTo = append(silent, id), never
		case time.Duration(e.Last.OldestMS)*time.Millisecond > backlog:
			behind, upTo = append(behind, id), never
		}
	}
	for id := range leased {
		if t.edges[id] == nil {
			silent, upTo = append(silent, id), never
		}
	}
	if len(silent) == 0 && len(behind) == 0 {
		return upTo, nil
	}
	slices.Sort(silent)
	slices.Sort(behind)
	return upTo, fmt.Errorf("edges not heard of: %v, with a backlog: %v", silent, behind)
}

func (t *Table) leasedEdges() map[string]bool {
	leased := make(map[string]bool, len(t.leases))
	for ee := range t.leases {
		leased[ee.Edge] = true
	}
	return leased
}
