package fold

import (
	"encoding/json"
	"fmt"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// remembered is how many idempotency keys a partition knows, the newest.
const remembered = 1024

// command passes a command on to the sessions that its user has at this point
// of the log, or to the one named. What ends a session is its edge.
func (s step) command(d *schema.SessionCommand) {
	if s.repeated(d) {
		return
	}
	for _, session := range s.targets(d) {
		one := *d
		one.Session = session.ID
		if d.Action == schema.ActionKick {
			next := *session
			next.Kick = &Kick{Note: d.Note}
			s.Put(sessionKey(next.User, next.ID), &next)
		}
		s.pass(session, &one)
	}
	if d.Action == schema.ActionKick {
		s.kickLost(d)
	}
}

// kickLost keeps a kick for the sessions whose edge is lost, and may come back.
func (s step) kickLost(d *schema.SessionCommand) {
	for key, e := range s.Scan(join(kindHold, d.User, schema.Personal(d.User))) {
		if h := e.(*Hold); h.EdgeLost && (d.Session == "" || d.Session == h.Session) {
			next := *h
			next.Kick = &Kick{Note: d.Note}
			s.Put(key, &next)
		}
	}
}

func (s step) targets(d *schema.SessionCommand) []*Session {
	if d.Session != "" {
		if session, live := s.session(d.User, d.Session); live {
			return []*Session{session}
		}
		return nil
	}
	var all []*Session
	for _, e := range s.Scan(join(kindSession, d.User)) {
		all = append(all, e.(*Session))
	}
	return all
}

// pass puts a command into the mailbox of a session's edge. Former versions began
// sessions that have none.
func (s step) pass(session *Session, d *schema.SessionCommand) {
	if !s.reachable(session.MailboxPartition) {
		return
	}
	data, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("encode command: %v", err)) // a struct of strings always encodes
	}
	s.Emit(stream.Output{Topic: schema.TopicMailbox, Time: s.in.Event.Time, Mailbox: &stream.MailboxOutput{
		Edge: session.Edge, Epoch: session.Epoch, Partition: session.MailboxPartition,
		Entry: schema.MailboxEntry{Type: schema.MailboxCommand, ID: s.in.Event.ID, Time: s.in.Event.Time, Data: data},
	}})
}

// repeated reports whether a command of that key was seen, and remembers it.
// The oldest of the remembered keys makes room.
func (s step) repeated(d *schema.SessionCommand) bool {
	if d.IdempotencyKey == "" {
		return false
	}
	for range s.ScanIndex(join(indexCommands, d.User, d.IdempotencyKey)) {
		return true
	}
	var count Counter
	if known, ok := get[*Counter](s, counterKey); ok {
		count = *known
	}
	s.Put(commandKey(count.N%remembered), &Command{User: d.User, Key: d.IdempotencyKey})
	s.Put(counterKey, &Counter{N: count.N + 1})
	return false
}
