package outbox

import "rollcall.dev/events/schema"

// setEpoch writes the epoch under which the data leave into them. An
// edge.started names its own, see lane.stale.
func setEpoch(data any, epoch int64) {
	switch d := data.(type) {
	case *schema.SessionConnected:
		d.Epoch = epoch
	case *schema.SessionSubscribed:
		d.Epoch = epoch
	case *schema.SessionUnsubscribed:
		d.Epoch = epoch
	case *schema.SessionUpdated:
		d.Epoch = epoch
	case *schema.SessionDisconnected:
		d.Epoch = epoch
	case *schema.MessagePublished:
		d.Epoch = epoch
	case *schema.EdgeInterested:
		d.Epoch = epoch
	case *schema.EdgeUninterested:
		d.Epoch = epoch
	}
}
