package fold_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
	"rollcall.dev/events/stream/internal/rooms"
)

const partition = 3

// limit is that of a batch where a test doesn't care.
const limit = 980_000

var at = schema.At(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC))

// log is an input partition: what is added gets the next offset.
type log struct {
	t       testing.TB
	records []fold.Record
}

func (l *log) add(source string, seq int64, t schema.Type, data any) fold.Record {
	l.t.Helper()
	stamp := schema.Stamp{Source: source, Sequence: schema.Sequence{Offset: seq}}
	_, value, err := schema.Encode(t, "", at, stamp, schema.TopicLifecycle, partition, data)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.raw(value)
}

func (l *log) raw(value []byte) fold.Record {
	rec := fold.Record{Offset: int64(len(l.records)), Key: []byte("k"), Value: value}
	l.records = append(l.records, rec)
	return rec
}

func (l *log) owner(claim string, delay time.Duration) fold.Record {
	return l.add("/tasks/rooms-"+claim+"/3", 1, schema.TypeOwnerStarted,
		&schema.OwnerStarted{Owner: "i", Claim: claim, Delays: schema.Delays{UncleanMS: delay.Milliseconds()}})
}

func (l *log) connected(edge string, epoch, seq int64, user string) fold.Record {
	return l.connectedAs(edge, epoch, seq, user, "")
}

func (l *log) connectedAs(edge string, epoch, seq int64, user, status string) fold.Record {
	return l.add(schema.EdgeSource(edge, epoch), seq, schema.TypeSessionConnected,
		&schema.SessionConnected{Ref: ref(edge, epoch, user), Status: status})
}

func (l *log) disconnected(edge string, epoch, seq int64, user string) fold.Record {
	return l.add(schema.EdgeSource(edge, epoch), seq, schema.TypeSessionDisconnected,
		&schema.SessionDisconnected{Ref: ref(edge, epoch, user), Reason: schema.ReasonConnectionLost})
}

func (l *log) started(edge string, epoch, seq int64) fold.Record {
	return l.add(schema.EdgeSource(edge, epoch), seq, schema.TypeEdgeStarted,
		&schema.EdgeStarted{Edge: edge, Epoch: epoch})
}

func (l *log) expired(edge string, epoch, owner int64) fold.Record {
	return l.add("/tasks/rooms-c/3", 9, schema.TypeEdgeExpired,
		&schema.EdgeExpired{Edge: edge, Epoch: epoch, OwnerEpoch: owner})
}

// forgotten says that the log began at logStart when the edge wasn't heard of.
func (l *log) forgotten(edge string, epoch, owner, logStart int64) fold.Record {
	return l.add("/tasks/rooms-c/3", 9, schema.TypeEdgeExpired,
		&schema.EdgeExpired{Edge: edge, Epoch: epoch, OwnerEpoch: owner, LogStart: logStart})
}

func (l *log) due(user string, cause, owner int64) fold.Record {
	return l.add("/tasks/rooms-c/3", 9, schema.TypeLeaveDue,
		&schema.LeaveDue{User: user, Session: "s-" + user, Cause: cause, OwnerEpoch: owner})
}

func ref(edge string, epoch int64, user string) schema.Ref {
	return schema.Ref{Session: "s-" + user, User: user, Edge: edge, Epoch: epoch}
}

func newMachine() *fold.Machine {
	m := fold.NewMachine(rooms.Fold{}, partition)
	m.Begin("inc", 0)
	return m
}

// describe names what came out of a step: verdict, then the types of outputs.
func describe(r fold.Result) string {
	parts := []string{r.Verdict.String()}
	for _, o := range r.Outputs {
		if o.Mailbox != nil {
			parts = append(parts, "mailbox@"+o.Mailbox.Edge)
			continue
		}
		ev, _, err := schema.Decode(o.Value)
		if err != nil {
			parts = append(parts, err.Error())
		}
		parts = append(parts, strings.TrimSuffix(strings.TrimPrefix(string(ev.Type), "rollcall."), ".v1"))
	}
	if r.Gap {
		parts = append(parts, "gap")
	}
	return strings.Join(parts, " ")
}

func wantStep(t *testing.T, m *fold.Machine, rec fold.Record, want string) fold.Result {
	t.Helper()
	r := m.Step(rec)
	if got := describe(r); got != want {
		t.Fatalf("offset %d: got %q, want %q (%v)", rec.Offset, got, want, r.Err)
	}
	return r
}

// dump is the whole state of a machine as text.
func dump(t testing.TB, m *fold.Machine) string {
	t.Helper()
	var b strings.Builder
	for key, e := range m.Snapshot().Scan("") {
		fmt.Fprintf(&b, "%q %+v\n", key, *e.(*rooms.Session))
	}
	for key, e := range m.Snapshot().ScanIndex("") {
		fmt.Fprintf(&b, "index %q %s\n", key, e.(*rooms.Session).Session)
	}
	fmt.Fprintf(&b, "position %d owner %+v\nedges %v\nverdicts %v\nstate %s", m.Position(), m.Owner(), m.Edges(), m.Verdicts(), fold.RuntimeState(m))
	return b.String()
}
