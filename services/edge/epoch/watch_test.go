package epoch

import (
	"errors"
	"testing"

	"rollcall.dev/events/schema"
)

func TestWatch(t *testing.T) {
	w := watch{edge: "edge-0", run: "run-a", first: 30, epoch: 41}
	claim := func(edge, claim string) schema.Heartbeat {
		return schema.Heartbeat{Kind: schema.KindEdge, Instance: edge, Claim: claim}
	}
	renewal := func(text string, first int64) schema.Heartbeat {
		return schema.Heartbeat{Kind: schema.KindEdge, Instance: "edge-0", Claim: text, Epoch: first}
	}
	verdicts := func(kind string, v ...schema.EdgeVerdict) schema.Heartbeat {
		return schema.Heartbeat{Kind: kind, Instance: "presence-0", Verdicts: v}
	}
	expired := schema.EdgeVerdict{Edge: "edge-0", Epoch: 41, Verdict: schema.VerdictExpired}
	gap := schema.EdgeVerdict{Edge: "edge-0", Epoch: 41, Verdict: schema.VerdictGap}
	old := schema.EdgeVerdict{Edge: "edge-0", Epoch: 40, Verdict: schema.VerdictGap}
	other := schema.EdgeVerdict{Edge: "edge-1", Epoch: 41, Verdict: schema.VerdictGap}
	for _, tc := range []struct {
		name    string
		hb      schema.Heartbeat
		offset  int64
		verdict schema.Verdict
		inUse   bool
	}{
		{"own claim", claim("edge-0", "run-a/1"), 41, "", false},
		{"own later claim", claim("edge-0", "run-a/2"), 50, "", false},
		{"newer claim of another process", claim("edge-0", "run-b/1"), 42, "", true},
		{"a process whose run only begins alike", claim("edge-0", "run-a2/1"), 42, "", true},
		{"newer process, claimed before our latest epoch", claim("edge-0", "run-b/1"), 40, "", true},
		{"newer process claims again", renewal("run-b/2", 31), 60, "", true},
		{"older claim of another process", claim("edge-0", "run-b/1"), 29, "", false},
		{"older process claimed again, below our epoch", renewal("run-b/2", 29), 40, "", false},
		{"older process claimed again, above our epoch", renewal("run-b/2", 29), 42, verdictOvertaken, false},
		{"claim of another edge", claim("edge-1", "run-b/1"), 42, "", false},
		{"beat of the former process", schema.Heartbeat{Kind: schema.KindEdge, Instance: "edge-0", Epoch: 7}, 42, "", false},
		{"expired", verdicts(schema.KindPresence, other, expired), 60, schema.VerdictExpired, false},
		{"gap", verdicts(schema.KindNotifier, old, gap), 60, schema.VerdictGap, false},
		{"verdict on a former epoch", verdicts(schema.KindPresence, old), 60, "", false},
		{"verdict on another edge", verdicts(schema.KindPresence, other), 60, "", false},
		{"no verdicts", verdicts(schema.KindPresence), 60, "", false},
		{"an edge gives no verdicts", verdicts(schema.KindEdge, expired), 60, "", false},
	} {
		verdict, err := w.judge(&tc.hb, tc.offset)
		if verdict != tc.verdict || errors.Is(err, ErrInUse) != tc.inUse {
			t.Errorf("%s: got %q, %v", tc.name, verdict, err)
		}
	}
}
