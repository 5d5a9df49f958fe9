package lease

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// freshHalves, in halves of an interval, is how old the last
	// heartbeat of an edge may be for the gate to be open.
	freshHalves = 5
	// backlog is how old an edge's oldest unacknowledged event may be.
	backlog = time.Second
)

var errDoubt = errors.New("own heartbeats don't come back in time")

// Gate tells whether a return of somebody may be on its way that no log has
// yet: nil if every edge that lives was heard lately and has nothing old in
// its outbox, else why not.
func (t *Table) Gate(now time.Duration) error {
	if !t.canary.trusted {
		return errDoubt
	}
	var silent, behind []string
	leased := map[string]bool{}
	for ee := range t.leases {
		leased[ee.Edge] = true
		if t.edges[ee.Edge] == nil {
			silent = append(silent, ee.Edge)
		}
	}
	for id, e := range t.edges {
		switch {
		case e.Expired, e.Last.Stopped:
		case now-e.Seen > t.cfg.Interval*freshHalves/2:
			// An edge that no state rests on is gone once it is silent for a lease.
			if leased[id] || now-e.Seen <= t.cfg.Lease {
				silent = append(silent, id)
			}
		case time.Duration(e.Last.OldestMS)*time.Millisecond > backlog:
			behind = append(behind, id)
		}
	}
	if len(silent) == 0 && len(behind) == 0 {
		return nil
	}
	slices.Sort(silent)
	slices.Sort(behind)
	return fmt.Errorf("edges not heard of: %v, with a backlog: %v", slices.Compact(silent), behind)
}
