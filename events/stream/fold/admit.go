package fold

import (
	"strings"

	"rollcall.dev/events/schema"
)

// admission is what the rules of the log say of a record, before the fold.
type admission struct {
	verdict Verdict
	// gap: a gap was seen that was not known.
	gap bool
	// expired: fenced because its epoch has expired; the edge lives and knows of
	// none newer yet.
	expired bool
}

// admit applies the rules of the log: owner epochs, edge fences, watermarks.
// What it learns is kept, whatever becomes of the record.
func (m *Machine) admit(d *Decoded) admission {
	exempt := d.Event.Type.DedupeExempt()
	a := admission{verdict: Applied}
	switch d.Source.Kind {
	case schema.SourceEdge:
		a = m.admitEdge(d, exempt)
	case schema.SourceTask:
		if !exempt && !m.admitTask(d) {
			a.verdict = Duplicate
		}
	}
	if d.Err == nil && exempt && !m.control(d) {
		a.verdict = Stale
	}
	return a
}

// admitEdge keeps the newest epoch of an edge and its watermark. An exempt
// event moves the watermark as well, or the next one would look like a gap.
func (m *Machine) admitEdge(d *Decoded, exempt bool) admission {
	e := m.edge(d.Source.Name, d.Offset)
	headless := e.Epoch < 0 && m.told(d.Offset) && m.task.Rebuild.From > 0
	if d.Source.Number < e.Epoch {
		return admission{verdict: passedOver(exempt, Fenced)}
	}
	if d.Source.Number > e.Epoch {
		m.raise(e, d.Source.Number)
	}
	seq := d.Event.Sequence.Offset
	if seq <= e.Watermark {
		return admission{verdict: passedOver(exempt, Duplicate)}
	}
	jump := seq > e.Watermark+1 && !headless
	e.Watermark = seq
	if !e.leased() {
		return admission{verdict: passedOver(exempt, Fenced), expired: true}
	}
	a := admission{verdict: Applied, gap: jump && !e.Gap}
	if a.gap {
		e.Gap = true
		m.leases++
	}
	return a
}

func passedOver(exempt bool, v Verdict) Verdict {
	if exempt {
		return Applied
	}
	return v
}

// admitTask reports whether the event is above the watermark of its task.
func (m *Machine) admitTask(d *Decoded) bool {
	s := m.sources[d.Event.Source]
	if s == nil {
		// The key outlives the record, whose bytes it must not hold.
		source := strings.Clone(d.Event.Source)
		s = &sourceState{Watermark: schema.Sequence{Offset: -1}}
		m.sources[source] = s
	}
	s.Last = d.Offset
	if !s.touched {
		s.touched = true
		m.touched[prefixSrc+d.Event.Source] = struct{}{}
	}
	if !d.Event.Sequence.Above(s.Watermark) {
		return false
	}
	s.Watermark = d.Event.Sequence
	return true
}

// control keeps what the exempt events say of owners and epochs; false if an
// owner says it that isn't the newest.
func (m *Machine) control(d *Decoded) bool {
	switch data := d.Data.(type) {
	case *schema.OwnerStarted:
		m.task.Owner = Owner{Epoch: d.Offset, OwnerStarted: *data}
	case *schema.LeaveDue:
		return data.OwnerEpoch == m.task.Owner.Epoch
	case *schema.EdgeExpired:
		if data.OwnerEpoch != m.task.Owner.Epoch {
			return false
		}
		m.expire(data, d.Offset)
	case *schema.EdgeStarted:
		if e := m.edge(data.Edge, d.Offset); data.Epoch > e.Epoch {
			m.raise(e, data.Epoch)
		}
	}
	return true
}

func (m *Machine) expire(d *schema.EdgeExpired, offset int64) {
	if d.LogStart > 0 {
		m.forget(d.LogStart)
		return
	}
	e := m.edge(d.Edge, offset)
	if d.Epoch > e.Epoch {
		m.raise(e, d.Epoch) // its events count from 1, and are owed an answer
	}
	e.Expired = max(e.Expired, d.Epoch)
	m.leases++
}

func (m *Machine) edge(id string, offset int64) *edgeState {
	e := m.edges[id]
	if e == nil {
		id = strings.Clone(id)
		e = &edgeState{Epoch: -1, Expired: -1}
		m.edges[id] = e
	}
	e.Last = offset
	if !e.touched {
		e.touched = true
		m.touched[prefixEdge+id] = struct{}{}
	}
	return e
}

// raise lifts an edge's fence to a newer epoch, of which nothing is read yet.
func (m *Machine) raise(e *edgeState, epoch int64) {
	e.Epoch, e.Watermark, e.Gap = epoch, 0, false
	m.leases++
}
