package fold

import "rollcall.dev/events/schema"

// interested keeps the interest and answers with the channel's state. A
// repeated request is answered again: the edge may have lost its answer.
func (s step) interested(d *schema.EdgeInterested) {
	key := interestKey(d.Channel, d.Edge)
	if known, ok := get[*Interest](s, key); ok && d.Epoch < known.Epoch {
		return
	}
	next := &Interest{Channel: d.Channel, Edge: d.Edge, Epoch: d.Epoch,
		MailboxPartition: d.MailboxPartition, Request: d.Request}
	s.Put(key, next)
	for _, part := range s.state(d.Channel, d.Request) {
		s.send(next, schema.MailboxState, part)
	}
}

func (s step) uninterested(d *schema.EdgeUninterested) {
	key := interestKey(d.Channel, d.Edge)
	switch known, ok := get[*Interest](s, key); {
	case !ok:
		s.Odd(oddNeverInterested)
	case d.Epoch == known.Epoch:
		s.Delete(key)
	}
}

// edgeOver drops what an edge's epochs up to one were interested in.
func (s step) edgeOver(edge string, upTo int64) {
	var over []string
	for key, e := range s.ScanIndex(join(indexEdge, edge)) {
		if e.(*Interest).Epoch <= upTo {
			over = append(over, key)
		}
	}
	for _, key := range over {
		s.Delete(key)
	}
}
