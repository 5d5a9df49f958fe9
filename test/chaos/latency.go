package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/test/oracle"
)

// latencies are how long after the end of the grace each subscriber was told of
// each leave, where nothing was broken, nor was until recovery ago. In order.
func latencies(h oracle.History) (all []time.Duration) {
	due, broken := dueLeaves(h), brokenTimes(h)
	for _, f := range h.Facts {
		if f.Kind != oracle.Frame {
			continue
		}
		var d schema.PresenceDiff
		if json.Unmarshal(f.Body, &d) != nil || d.Type != schema.ClientPresenceDiff {
			continue
		}
		for _, left := range d.Left {
			at, known := due[leave{left.User, d.Channel, d.Version.Offset}]
			if known && !slices.ContainsFunc(broken, func(b [2]time.Duration) bool { return b[0] < f.At && at-leaveDelay < b[1] }) {
				all = append(all, f.At-at)
			}
		}
	}
	slices.Sort(all)
	return all
}

// leave is one in the log; a diff of several changes has the offset of its
// last, so only those that are alone are looked at.
type leave struct {
	user, channel string
	offset        int64
}

// dueLeaves are the leaves of the log with the time at which the grace of the
// session that ended last was over, on the clock of the history.
func dueLeaves(h oracle.History) map[leave]time.Duration {
	ended := map[string][]time.Duration{} // graces, of users
	var lefts []leave
	decided := map[leave]time.Duration{}
	for _, r := range h.Log {
		event, data, err := schema.Decode(r.Value)
		if err != nil {
			continue
		}
		at := event.Time.Sub(h.Origin)
		switch d := data.(type) {
		case *schema.SessionDisconnected:
			ended[d.User] = append(ended[d.User], at+delayOf(d))
		case *schema.SessionUnsubscribed:
			ended[d.User] = append(ended[d.User], at)
		case *schema.PresenceLeft:
			l := leave{d.User, d.Channel, r.Offset}
			lefts = append(lefts, l)
			decided[l] = at
		}
	}
	due := map[leave]time.Duration{}
	for _, l := range lefts {
		best := time.Duration(-1)
		for _, at := range ended[l.user] {
			// A due is decided when its grace is over, and never before.
			if at <= decided[l]+50*time.Millisecond {
				best = max(best, at)
			}
		}
		if best >= 0 {
			due[l] = best
		}
	}
	return due
}

func delayOf(d *schema.SessionDisconnected) time.Duration {
	switch {
	case d.Reason == schema.ReasonServerShutdown:
		return drainDelay
	case d.Reason.Clean(d.CloseCode):
		return 0
	}
	return leaveDelay
}

func brokenTimes(h oracle.History) (all [][2]time.Duration) {
	open := map[string]time.Duration{}
	for _, f := range h.Facts {
		switch f.Kind {
		case oracle.FaultOn:
			open[f.Note] = f.At
		case oracle.FaultOff:
			all = append(all, [2]time.Duration{open[f.Note], f.At + recovery})
		}
	}
	return all
}

// LeaveLatency is a line about how long beyond the grace subscribers waited.
func LeaveLatency(h oracle.History) string {
	all := latencies(h)
	if len(all) == 0 {
		return "no leave outside of faults"
	}
	at := func(q float64) time.Duration { return all[int(float64(len(all)-1)*q)].Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, max %v beyond the grace, outside of faults, of %d", at(0.5), at(0.99), at(1), len(all))
}
