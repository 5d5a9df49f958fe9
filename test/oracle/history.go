package oracle

import (
	"fmt"
	"strings"
	"time"

	"rollcall.dev/events/schema"
)

// Kind says what happened.
type Kind string

// What clients do is noted just before it is done, what they see just after.
// A subscription's id is used again only after the receipt of its UNSUBSCRIBE.
const (
	Connecting  Kind = "connecting"  // Conn, User, Edge, Meta: CONNECT
	Connected   Kind = "connected"   // Conn, Session: CONNECTED came
	Subscribe   Kind = "subscribe"   // Conn, Sub, Channel, Role, ID
	Unsubscribe Kind = "unsubscribe" // Conn, Sub, ID
	Send        Kind = "send"        // Conn, Channel, ID, Body: a text that no other message has
	Update      Kind = "update"      // Conn, ID, Meta
	Receipt     Kind = "receipt"     // Conn, ID: of the frame with that ID
	Frame       Kind = "frame"       // Conn, Sub, Body: a MESSAGE came
	Disconnect  Kind = "disconnect"  // Conn: DISCONNECT
	Close       Kind = "close"       // Conn, Code: the client's close frame
	Cut         Kind = "cut"         // Conn: the client breaks its connection without a word
	Ended       Kind = "ended"       // Conn, Reason, Code: the server ended it; "" if it just broke

	EdgeKilled Kind = "edge killed" // Edge: it doesn't run any more and had no time to say so
	EdgeStops  Kind = "edge stops"  // Edge: it is told to end in order
	EdgeAway   Kind = "edge away"   // Edge: stopped, or cut off from Kafka, until EdgeBack
	EdgeBack   Kind = "edge back"   // Edge
	LinkDown   Kind = "link down"   // Edge: its clients' connections may stand still until LinkUp
	LinkUp     Kind = "link up"     // Edge
	FaultOn    Kind = "fault on"    // Note: anything else is broken until FaultOff of the same Note
	FaultOff   Kind = "fault off"   // Note
	Quiet      Kind = "quiet"       // all is healed, and was for long enough: the end
)

// Fact is one thing that the observer knows. Fields that its kind doesn't name
// are empty.
type Fact struct {
	// At is on the observer's clock, from an origin of its choice.
	At   time.Duration `json:"at"`
	Kind Kind          `json:"kind"`
	// Conn is the observer's name of one connection of one client.
	Conn    string        `json:"conn,omitempty"`
	User    string        `json:"user,omitempty"`
	Session string        `json:"session,omitempty"`
	Edge    string        `json:"edge,omitempty"`
	Sub     string        `json:"sub,omitempty"`
	Channel string        `json:"channel,omitempty"` // "@user" for /presence/user
	Role    schema.Role   `json:"role,omitempty"`
	ID      string        `json:"id,omitempty"` // of a receipt, unique within Conn
	Meta    schema.Meta   `json:"meta,omitempty"`
	Reason  schema.Reason `json:"reason,omitempty"`
	Code    int           `json:"code,omitempty"`
	Note    string        `json:"note,omitempty"`
	Body    []byte        `json:"body,omitempty"`
}

// String is one line for people.
func (f Fact) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%12v %-11s", f.At.Round(time.Millisecond), f.Kind)
	for _, part := range []string{f.Conn, f.User, f.Session, f.Edge, f.Sub, f.Channel, string(f.Role), f.ID, string(f.Reason), f.Note} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	if f.Code != 0 {
		fmt.Fprintf(&b, " %d", f.Code)
	}
	if len(f.Body) > 0 {
		fmt.Fprintf(&b, " %.300s", f.Body)
	}
	return b.String()
}

// Record is one record of session.lifecycle or channel.events.
type Record struct {
	At        time.Duration `json:"at"`    // when the observer read it
	Topic     string        `json:"topic"` // without the deployment's prefix
	Partition int32         `json:"partition"`
	Offset    int64         `json:"offset"`
	Value     []byte        `json:"value"`
}

// Config is what the history was recorded under.
type Config struct {
	// Delays are those of presence, Lease is that of edges.
	Delays schema.Delays
	Lease  time.Duration
	// Detection is how long an edge takes at most to notice that a connection
	// is gone, its clients' heart-beats included.
	Detection time.Duration
	// Slack is what anything takes that should take no time.
	Slack time.Duration
	// Recovery is how long after a fault all is as it was.
	Recovery time.Duration
	// Origin is the time at At 0, if all processes had the observer's clock, so
	// that the times of events say when they were decided. Zero: they hadn't.
	Origin time.Time
}

// History is what is judged. Facts are in the order of At; Log is the whole
// public log, each partition in the order of its offsets; a history without it
// is judged by what clients saw alone.
type History struct {
	Config
	Facts []Fact
	Log   []Record
}

func (c Config) delay(reason schema.Reason, code int) time.Duration {
	ms := c.Delays.UncleanMS
	switch {
	case reason == schema.ReasonServerShutdown:
		ms = c.Delays.DrainMS
	case reason.Clean(code):
		ms = c.Delays.CleanMS
	}
	return time.Duration(ms) * time.Millisecond
}

func (c Config) unclean() time.Duration { return time.Duration(c.Delays.UncleanMS) * time.Millisecond }
