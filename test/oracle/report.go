package oracle

import (
	"fmt"
	"strings"
)

// Violation is one broken promise.
type Violation struct {
	// Rule names the promise in a word or two.
	Rule string
	Text string
	// Around are the facts and records that it is about.
	Around []string
}

func (v Violation) String() string {
	return v.Rule + ": " + v.Text + "\n    " + strings.Join(v.Around, "\n    ")
}

// Counts say how much was looked at: a verdict over nothing is worth nothing.
type Counts struct {
	Sessions, Subscribers, Frames, Records int
	// Departures are those that had to be told; Told counts them once for each
	// subscriber that had to be told.
	Departures, Told int
	// Stays are gaps, shorter than the grace, that nobody may be told of.
	Stays int
	// Lefts of the log were each held against who was there.
	Lefts    int
	Messages int // acknowledged, times subscribers that had to get them
	Rosters  int // compared at rest
	Versions int // rosters compared with the log's at their version
}

// Add adds up counts of several histories.
func (c *Counts) Add(o Counts) {
	c.Sessions += o.Sessions
	c.Subscribers += o.Subscribers
	c.Frames += o.Frames
	c.Records += o.Records
	c.Departures += o.Departures
	c.Told += o.Told
	c.Stays += o.Stays
	c.Lefts += o.Lefts
	c.Messages += o.Messages
	c.Rosters += o.Rosters
	c.Versions += o.Versions
}

func (c Counts) String() string {
	return fmt.Sprintf("%d departures told %d times, %d stays, %d lefts of the log, %d rosters at rest, %d at their versions, "+
		"%d deliveries of messages; %d sessions, %d subscribers, %d frames, %d records",
		c.Departures, c.Told, c.Stays, c.Lefts, c.Rosters, c.Versions, c.Messages, c.Sessions, c.Subscribers, c.Frames, c.Records)
}

// Report is the verdict.
type Report struct {
	Violations []Violation
	Counts     Counts
}

// maxViolations keeps a report readable: one defect breaks many promises.
const maxViolations = 40

func (r *Report) add(rule string, around []string, format string, args ...any) {
	if len(r.Violations) < maxViolations {
		r.Violations = append(r.Violations, Violation{Rule: rule, Text: fmt.Sprintf(format, args...), Around: around})
	}
}

// Check judges a history.
func Check(h History) Report {
	w := newWorld(h)
	r := &Report{}
	l := readLog(h, r)
	checkLifecycle(w, l, r)
	checkStamps(l, r)
	checkLefts(w, l, r)
	checkStreams(w, l, r)
	checkDepartures(w, l, r)
	checkRest(w, l, r)
	checkMessages(w, r)
	r.Counts.Sessions, r.Counts.Records = len(w.conns), len(h.Log)
	return *r
}
