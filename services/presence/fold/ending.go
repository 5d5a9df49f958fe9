package fold

import (
	"time"

	"rollcall.dev/events/schema"
)

// end is why and when a session ended, all of it or its part in a channel, and
// for how long it holds its place.
type end struct {
	session   string
	reason    schema.Reason
	initiator schema.Initiator
	lastSeen  schema.Time
	cause     int64
	delayMS   int64
	edgeLost  bool
}

// ended makes the end that the input stands for.
func (s step) ended(reason schema.Reason, initiator schema.Initiator, delayMS int64) end {
	return end{reason: reason, initiator: initiator, lastSeen: s.in.Event.Time,
		cause: s.in.Offset, delayMS: delayMS, edgeLost: reason == schema.ReasonEdgeLost}
}

func (s step) unsubscribedEnd() end {
	return s.ended(schema.ReasonUnsubscribed, schema.InitiatorClient, s.delays().CleanMS)
}

// delays are those of the newest owner: settings enter the log with it.
func (s step) delays() schema.Delays { return s.Owner().Delays }

func (s step) delay(reason schema.Reason, closeCode int) int64 {
	delays := s.delays()
	switch {
	case reason == schema.ReasonServerShutdown:
		return delays.DrainMS
	case reason.Clean(closeCode):
		return delays.CleanMS
	default:
		return delays.UncleanMS
	}
}

// disconnected ends a session. A task writes the end of a session that it has
// ended already; if an edge has announced the session again before that record
// landed, then the newer epoch lives on.
func (s step) disconnected(d *schema.SessionDisconnected) {
	session, live := s.ending(d)
	if !live {
		return
	}
	s.endSession(session, s.ended(d.Reason, d.Initiator, s.delay(d.Reason, d.CloseCode)))
}

// ending is the session that an end is about, if it ends it.
func (s step) ending(d *schema.SessionDisconnected) (*Session, bool) {
	if s.in.Source.Kind != schema.SourceTask {
		s.takeKick(d.User, d.Session)
		return s.live(d.Ref, oddDisconnectedUnknown)
	}
	session, live := s.session(d.User, d.Session)
	return session, live && d.Epoch >= session.Epoch
}

// edgeLost ends the sessions that an edge's epochs up to one have held, and
// says so in the log: every session has an end there.
func (s step) edgeLost(edge string, upTo int64) {
	var lost []*Session
	for _, e := range s.Scan(join(kindSession)) {
		if session := e.(*Session); session.Edge == edge && session.Epoch <= upTo {
			lost = append(lost, session)
		}
	}
	for _, session := range lost {
		s.tellEnd(&schema.SessionDisconnected{
			Ref:        schema.Ref{Session: session.ID, User: session.User, Edge: session.Edge, Epoch: session.Epoch},
			Reason:     schema.ReasonEdgeLost,
			Initiator:  schema.InitiatorNetwork,
			DurationMS: s.since(session.ConnectedAt),
		})
		s.endSession(session, s.ended(schema.ReasonEdgeLost, schema.InitiatorNetwork, s.delays().UncleanMS))
	}
}

// since is for people: the clocks of two machines are in it.
func (s step) since(from schema.Time) int64 {
	if from.IsZero() {
		return 0
	}
	return max(0, s.in.Event.Time.Sub(from.Time).Milliseconds())
}

// fenced answers a session.connected of an epoch that is over. It changes no
// state, but a reader of the log alone would keep a ghost.
func (s step) fenced() {
	if d, ok := s.in.Data.(*schema.SessionConnected); ok {
		s.disown(d)
	}
}

// disown tells the end of a session that doesn't begin here.
func (s step) disown(d *schema.SessionConnected) {
	if _, live := s.session(d.User, d.Session); live {
		return
	}
	s.tellEnd(&schema.SessionDisconnected{
		Ref: d.Ref, Reason: schema.ReasonEdgeLost, Initiator: schema.InitiatorNetwork,
		DurationMS: s.since(d.ConnectedAt),
	})
}

func (s step) endSession(session *Session, why end) {
	s.Delete(sessionKey(session.User, session.ID))
	if why.edgeLost && why.delayMS == 0 {
		s.keepKick(session.User, session.ID, session.Kick)
	}
	for _, channel := range session.channels() {
		s.release(session, channel, why)
	}
}

// release ends a session's part in a channel: its place is held, or given up.
func (s step) release(session *Session, channel string, why end) {
	why.session = session.ID
	if why.delayMS > 0 {
		s.hold(session, channel, why)
	}
	s.settle(session.User, channel, why)
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
