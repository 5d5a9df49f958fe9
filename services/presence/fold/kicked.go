package fold

import "rollcall.dev/events/schema"

// Kicked is a kick that waits for a session whose edge is lost, and whose place
// is held no longer: that edge may still wake up and announce it again. It lasts
// until then, until the edge tells the session's end, or until the log no longer
// goes back to Cause.
type Kicked struct {
	User    string `json:"user"`
	Session string `json:"session"`
	Note    string `json:"note,omitempty"`
	// Cause is the offset of the event that gave the place up. It is no hold's.
	Cause int64 `json:"cause"`
}

// keepKick has a kick outlive the place of a session whose edge is lost.
func (s step) keepKick(user, session string, kick *Kick) {
	if kick != nil {
		s.Put(kickedKey(user, session), &Kicked{User: user, Session: session, Note: kick.Note, Cause: s.in.Offset})
	}
}

// takeKick hands over the kick that has waited for a session.
func (s step) takeKick(user, session string) *Kick {
	key := kickedKey(user, session)
	kicked, ok := get[*Kicked](s, key)
	if !ok {
		return nil
	}
	s.Delete(key)
	return &Kick{Note: kicked.Note}
}

// forgetKick ends the wait for a session of which the log is too old to know.
func (s step) forgetKick(d *schema.LeaveDue) {
	key := kickedKey(d.User, d.Session)
	if kicked, ok := get[*Kicked](s, key); ok && kicked.Cause == d.Cause {
		s.Delete(key)
	}
}
