package epoch

import (
	"errors"
	"fmt"
	"strings"

	"rollcall.dev/events/schema"
)

// ErrInUse: another process has claimed this edge's id.
var ErrInUse = errors.New("edge id in use: another process has claimed it; give each edge an --instance-id of its own")

// watch is what an edge knows of itself when it reads cluster.heartbeat. It is
// a pure decision: no clock, no Kafka.
type watch struct {
	edge string
	// run begins the claims of this process.
	run   string
	first int64 // the process's first epoch
	epoch int64
}

// verdictOvertaken: an older process of this id, which had not heard of this
// one, has claimed an epoch above ours. It will stop; readers keep the highest.
const verdictOvertaken schema.Verdict = "overtaken"

// judge takes a heartbeat record and says whether it ends the epoch: an empty
// verdict if not. The error is ErrInUse.
func (w *watch) judge(hb *schema.Heartbeat, offset int64) (schema.Verdict, error) {
	if hb.Kind == schema.KindEdge {
		if hb.Instance == w.edge && hb.Claim != "" && !strings.HasPrefix(hb.Claim, w.run+"/") {
			return w.rival(hb, offset)
		}
		return "", nil
	}
	for _, v := range hb.Verdicts {
		// Verdicts are repeated until the new epoch is seen: those on former
		// epochs are answered already.
		if v.Edge == w.edge && v.Epoch == w.epoch {
			return v.Verdict, nil
		}
	}
	return "", nil
}

// rival judges a claim of another process. Which of the two is newer is told by
// their first claims: one that has slept may claim again before it hears that
// it was replaced.
func (w *watch) rival(claim *schema.Heartbeat, offset int64) (schema.Verdict, error) {
	first := claim.Epoch
	if first == 0 {
		first = offset
	}
	switch {
	case first > w.first:
		return "", fmt.Errorf("%w (its first claim at offset %d, ours at %d)", ErrInUse, first, w.first)
	case offset > w.epoch:
		return verdictOvertaken, nil
	}
	return "", nil
}

// claim is the text of the n-th claim of this process.
func (w *watch) claim(n int) string { return fmt.Sprintf("%s/%d", w.run, n) }
