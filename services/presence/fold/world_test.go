package fold

import (
	"fmt"
	"strings"
	"time"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

const partition = 3

var grace = schema.Delays{UncleanMS: 10_000, DrainMS: 30_000}

// tester is a *testing.T or a *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// world is one partition of the log and the fold that reads it. Edges are E1,
// E2 …, sessions a1, b2 …: the letter is the user, a for alice.
type world struct {
	t       tester
	store   *stream.Store
	owner   stream.Owner
	offset  int64
	clock   time.Time
	epochs  map[string]int64   // of edges
	over    map[string]int64   // epochs up to this one are fenced
	edges   map[string]string  // of sessions
	causes  map[string][]int64 // offsets at which a session's holds began
	unread  []stream.Output    // ends written by the task, not read back
	log     []stream.Input     // all that was folded
	records []stream.Record    // and as it stands in Kafka
	odd     []string           // what was noted
	skew    time.Duration      // the clocks of even and odd events are so far apart
}

func newWorld(t tester, delays schema.Delays) *world {
	w := &world{t: t, store: stream.NewStore(New()), clock: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		epochs: map[string]int64{}, over: map[string]int64{}, edges: map[string]string{}, causes: map[string][]int64{}}
	w.own(delays)
	return w
}

func (w *world) own(delays schema.Delays) {
	d := schema.OwnerStarted{Owner: "p", Claim: fmt.Sprint(w.offset), FoldVersion: version, Delays: delays}
	w.add(schema.TypeOwnerStarted, "", schema.TaskSource(Name, "x", partition), false, &d)
}

// add appends an event and folds it, through its wire form.
func (w *world) add(typ schema.Type, user, source string, fenced bool, data any) []stream.Output {
	w.t.Helper()
	w.clock = w.clock.Add(time.Second)
	now := w.clock.Add(w.skew * time.Duration(w.offset%2))
	stamp := schema.Stamp{Source: source, Sequence: schema.Sequence{Offset: w.offset}}
	_, value, err := schema.Encode(typ, user, schema.At(now), stamp, schema.TopicLifecycle, partition, data)
	if err != nil {
		w.t.Fatal(err)
	}
	event, decoded, err := schema.Decode(value)
	if err != nil {
		w.t.Fatal(err)
	}
	w.records = append(w.records, stream.Record{Offset: w.offset, Key: []byte(user), Value: value})
	outputs := w.fold(stream.Input{Partition: partition, Offset: w.offset, Key: user, Event: event,
		Data: decoded, Source: schema.ParseSource(source), Fenced: fenced})
	w.offset++
	for _, out := range outputs {
		if out.Topic == schema.TopicLifecycle {
			w.unread = append(w.unread, out)
		}
	}
	return outputs
}

func (w *world) fold(in stream.Input) []stream.Output {
	if d, ok := in.Data.(*schema.OwnerStarted); ok {
		w.owner = stream.Owner{Epoch: in.Offset, OwnerStarted: *d}
	}
	w.log = append(w.log, in)
	tx := w.store.Begin(w.owner)
	New().Apply(tx, in)
	w.store.Commit(tx)
	w.odd = append(w.odd, tx.Oddities()...)
	return tx.Outputs()
}

func userOf(session string) string {
	return map[byte]string{'a': "alice", 'b': "bob", 'c': "carol", 'd': "dave"}[session[0]]
}

func (w *world) epoch(edge string) int64 {
	if w.epochs[edge] == 0 {
		w.epochs[edge] = 1
	}
	return w.epochs[edge]
}

func (w *world) ref(session string) schema.Ref {
	edge := w.edges[session]
	return schema.Ref{Session: session, User: userOf(session), Edge: edge, Epoch: w.epoch(edge)}
}

// fromEdge appends an event of a session's edge.
func (w *world) fromEdge(typ schema.Type, session string, data any) []stream.Output {
	w.t.Helper()
	ref := w.ref(session)
	return w.add(typ, ref.User, schema.EdgeSource(ref.Edge, ref.Epoch), ref.Epoch <= w.over[ref.Edge], data)
}

func (w *world) fromTask(typ schema.Type, user string, data any) []stream.Output {
	w.t.Helper()
	return w.add(typ, user, schema.TaskSource(Name, "x", partition), false, data)
}

func subscriptions(channels string, role schema.Role) []schema.Subscription {
	var subs []schema.Subscription
	for _, channel := range strings.FieldsFunc(channels, func(r rune) bool { return r == ',' }) {
		id, name, named := strings.Cut(channel, ":")
		if !named {
			id, name = "sub-"+channel, channel
		}
		subs = append(subs, schema.Subscription{ID: id, Destination: "/topic/" + name, Channel: name, Role: role})
	}
	return subs
}

// run does one step of a script and returns what followed from it, in words.
func (w *world) run(line string) string {
	w.t.Helper()
	words := strings.Fields(line)
	do, ok := steps[words[0]]
	if !ok {
		w.t.Fatalf("unknown step %q", line)
	}
	return inWords(do(w, append(words[1:], "", "", "")))
}

// script runs lines of the form "step -> what follows".
func (w *world) script(lines ...string) {
	w.t.Helper()
	for i, line := range lines {
		step, want, _ := strings.Cut(line, "->")
		if got := w.run(step); got != strings.TrimSpace(want) {
			w.t.Fatalf("line %d: %s\n got: %s\nwant: %s", i+1, step, got, strings.TrimSpace(want))
		}
	}
}

// steps are the words that scripts are made of.
var steps map[string]func(w *world, arg []string) []stream.Output

func init() {
	steps = map[string]func(*world, []string) []stream.Output{
		"connect": func(w *world, arg []string) []stream.Output { // session edge meta
			w.edges[arg[0]] = orElse(arg[1], "E1")
			return w.fromEdge(schema.TypeSessionConnected, arg[0], &schema.SessionConnected{
				Ref: w.ref(arg[0]), Meta: metaOf(arg[2]), MailboxPartition: 5})
		},
		"move": func(w *world, arg []string) []stream.Output { // session edge: what it says next comes from there
			w.edges[arg[0]] = arg[1]
			return nil
		},
		"announce": func(w *world, arg []string) []stream.Output { // session channels meta
			return w.fromEdge(schema.TypeSessionConnected, arg[0], &schema.SessionConnected{
				Ref: w.ref(arg[0]), Reannounced: true, Meta: metaOf(arg[2]), MailboxPartition: 5,
				Subscriptions: subscriptions(arg[1], schema.RoleMember)})
		},
		"subscribe":   subscribeStep(schema.RoleMember),
		"watch":       subscribeStep(schema.RoleWatcher),
		"unsubscribe": unsubscribeStep,
		"update": func(w *world, arg []string) []stream.Output { // session meta status
			return w.fromEdge(schema.TypeSessionUpdated, arg[0], &schema.SessionUpdated{
				Ref: w.ref(arg[0]), Meta: metaOf(arg[1]), Status: arg[2]})
		},
		"drop":   endStep(schema.ReasonConnectionLost, 1006),
		"reload": endStep(schema.ReasonClientClose, 1001),
		"close":  endStep(schema.ReasonClientClose, 1000),
		"logout": endStep(schema.ReasonClientDisconnect, 1000),
		"drain":  endStep(schema.ReasonServerShutdown, 1012),
		"kicked": endStep(schema.ReasonKicked, 1008),
		"due": func(w *world, arg []string) []stream.Output { // session [nth cause]
			nth := len(w.causes[arg[0]]) - 1
			if arg[1] != "" {
				fmt.Sscan(arg[1], &nth)
			}
			return w.fromTask(schema.TypeLeaveDue, userOf(arg[0]), &schema.LeaveDue{User: userOf(arg[0]),
				Session: arg[0], Cause: w.causes[arg[0]][nth], OwnerEpoch: w.owner.Epoch})
		},
		"age": func(w *world, arg []string) []stream.Output { // user: the log goes no longer back to their leave
			due := schema.LeaveDue{User: arg[0], Session: "none", OwnerEpoch: w.owner.Epoch}
			if seen, ok := LastSeen(w.store.Snapshot(), arg[0]); ok {
				due.Session, due.Cause = seen.Session, seen.Cause
			}
			return w.fromTask(schema.TypeLeaveDue, arg[0], &due)
		},
		"forget": func(w *world, arg []string) []stream.Output { // session: the log goes no longer back to where its kick began to wait
			due := schema.LeaveDue{User: userOf(arg[0]), Session: arg[0], OwnerEpoch: w.owner.Epoch}
			if e, ok := w.store.Snapshot().Get(kickedKey(due.User, arg[0])); ok {
				due.Cause = e.(*Kicked).Cause
			}
			return w.fromTask(schema.TypeLeaveDue, due.User, &due)
		},
		"expire": func(w *world, arg []string) []stream.Output { // edge
			w.over[arg[0]] = w.epoch(arg[0])
			w.edgeEnds(arg[0])
			return w.fromTask(schema.TypeEdgeExpired, "", &schema.EdgeExpired{Edge: arg[0], Epoch: w.epoch(arg[0])})
		},
		"claim": func(w *world, arg []string) []stream.Output { // edge: takes a new epoch
			w.over[arg[0]] = w.epoch(arg[0])
			w.epochs[arg[0]]++
			return nil
		},
		"start": func(w *world, arg []string) []stream.Output { // edge: says that older epochs are over
			w.edgeEnds(arg[0])
			return w.add(schema.TypeEdgeStarted, "", schema.EdgeSource(arg[0], w.epoch(arg[0])), false,
				&schema.EdgeStarted{Edge: arg[0], Epoch: w.epoch(arg[0])})
		},
		"late": func(w *world, arg []string) []stream.Output { // session edge: a connected of the epoch before
			ref := schema.Ref{Session: arg[0], User: userOf(arg[0]), Edge: arg[1], Epoch: w.epoch(arg[1]) - 1}
			return w.add(schema.TypeSessionConnected, ref.User, schema.EdgeSource(ref.Edge, ref.Epoch), true,
				&schema.SessionConnected{Ref: ref})
		},
		"readback": func(w *world, _ []string) []stream.Output { return w.readBack() },
		"kick": func(w *world, arg []string) []stream.Output { // user session key
			return w.add(schema.TypeSessionCommand, arg[0], schema.APISource("p"), false, &schema.SessionCommand{
				User: arg[0], Session: strings.Trim(arg[1], "-"), IdempotencyKey: arg[2], Action: schema.ActionKick, Note: "out"})
		},
		"message": func(w *world, arg []string) []stream.Output { // user
			return w.add(schema.TypeSessionCommand, arg[0], schema.APISource("p"), false, &schema.SessionCommand{
				User: arg[0], Action: schema.ActionMessage, Body: "hello"})
		},
		"owner": func(w *world, arg []string) []stream.Output { // unclean drain clean, in ms
			var d schema.Delays
			fmt.Sscan(strings.Join(arg, " "), &d.UncleanMS, &d.DrainMS, &d.CleanMS)
			w.own(d)
			return nil
		},
	}
}

// edgeEnds notes the offset at which the edge's sessions will be ended.
func (w *world) edgeEnds(edge string) {
	for session, on := range w.edges {
		if on == edge {
			w.causes[session] = append(w.causes[session], w.offset)
		}
	}
}

func (w *world) readBack() []stream.Output {
	var all []stream.Output
	unread := w.unread
	w.unread = nil
	for _, out := range unread {
		all = append(all, w.fromTask(out.Type, out.Key, out.Data)...)
	}
	return all
}

func subscribeStep(role schema.Role) func(*world, []string) []stream.Output {
	return func(w *world, arg []string) []stream.Output { // session [id:]channel
		return w.fromEdge(schema.TypeSessionSubscribed, arg[0], &schema.SessionSubscribed{
			Ref: w.ref(arg[0]), Subscription: subscriptions(arg[1], role)[0]})
	}
}

func unsubscribeStep(w *world, arg []string) []stream.Output {
	w.causes[arg[0]] = append(w.causes[arg[0]], w.offset)
	return w.fromEdge(schema.TypeSessionUnsubscribed, arg[0], &schema.SessionUnsubscribed{
		Ref: w.ref(arg[0]), Subscription: subscriptions(arg[1], schema.RoleMember)[0]})
}

func endStep(reason schema.Reason, code int) func(*world, []string) []stream.Output {
	return func(w *world, arg []string) []stream.Output { // session
		w.causes[arg[0]] = append(w.causes[arg[0]], w.offset)
		return w.fromEdge(schema.TypeSessionDisconnected, arg[0], &schema.SessionDisconnected{
			Ref: w.ref(arg[0]), Reason: reason, Initiator: schema.InitiatorClient, CloseCode: code})
	}
}

func metaOf(nick string) schema.Meta {
	if nick = strings.Trim(nick, "-"); nick == "" {
		return nil
	}
	return schema.Meta{"nick": nick}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// inWords tells outputs as scripts do.
func inWords(outputs []stream.Output) string {
	var all []string
	for _, out := range outputs {
		all = append(all, outputInWords(out))
	}
	return strings.Join(all, "; ")
}

func outputInWords(out stream.Output) string {
	if m := out.Mailbox; m != nil {
		return fmt.Sprintf("mail %s/%d %s", m.Edge, m.Epoch, m.Entry.Data)
	}
	switch d := out.Data.(type) {
	case *schema.PresenceJoined:
		return strings.TrimSpace(fmt.Sprintf("joined %s %s %s%s", d.Channel, d.User, d.Meta["nick"], d.Status))
	case *schema.PresenceUpdated:
		return strings.TrimSpace(fmt.Sprintf("updated %s %s %s%s", d.Channel, d.User, d.Meta["nick"], d.Status))
	case *schema.PresenceLeft:
		return fmt.Sprintf("left %s %s %s", d.Channel, d.User, d.Reason)
	case *schema.SessionDisconnected:
		return fmt.Sprintf("end %s/%d %s", d.Session, d.Epoch, d.Reason)
	}
	return fmt.Sprintf("%T", out.Data)
}
