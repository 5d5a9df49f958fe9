package oracle

import (
	"fmt"

	"rollcall.dev/events/schema"
)

// checkStamps: what one source writes to one partition comes with growing
// sequences; an edge counts one by one, and a gap ends its epoch.
func checkStamps(l *publicLog, r *Report) {
	type lane struct {
		topic     string
		partition int32
		source    string
	}
	last, gaps, newest := map[lane]entry{}, map[lane][]string{}, map[string]int64{}
	for _, e := range l.entries {
		k := lane{e.Topic, e.Partition, e.event.Source}
		source := schema.ParseSource(e.event.Source)
		if source.Kind == schema.SourceEdge {
			newest[source.Name] = max(newest[source.Name], source.Number)
		}
		before, known := last[k]
		switch {
		case source.Kind == schema.SourceAPI || e.event.Type.DedupeExempt() && source.Kind != schema.SourceEdge:
			continue
		case known && !e.event.Sequence.Above(before.event.Sequence):
			r.add("order", []string{before.String(), e.String()}, "%s went back to %s in %s", e.event.Source, e.event.Sequence, fmt.Sprint(e.Topic, " ", e.Partition))
		case source.Kind == schema.SourceEdge && e.event.Sequence.Offset != before.event.Sequence.Offset+1:
			gaps[k] = []string{before.String(), e.String()}
		}
		last[k] = e
	}
	for k, around := range gaps {
		if source := schema.ParseSource(k.source); source.Number == newest[source.Name] {
			r.add("gap", around, "%s lost events of %s %d, and is still the newest epoch", k.source, k.topic, k.partition)
		}
	}
}
