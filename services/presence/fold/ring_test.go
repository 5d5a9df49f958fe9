package fold

import (
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// ring is a partition with all that can happen to it: edges that lose events,
// expire and come back, owners that follow each other and wake up late, repeats
// of anything, a task that dies between any two of its writes. The truth is what
// the edges know of their own sessions.
type ring struct {
	rt    *rapid.T
	clock int64
	log   []stream.Record
	// present is, after each record, who is where on an edge in good standing.
	present []map[string]bool
	sites   map[string]*site
	epochs  int64 // of edges, as offsets of one claims' log
	named   int   // sessions so far
	owners  []int64
	// logStart is where the log begins: what is older doesn't come again.
	logStart int64

	m         *stream.Machine
	changelog []stream.Change
	said      map[schema.Sequence]string
	heard     schema.Sequence // watermark of a reader of channel.events
	told      map[string]bool
	unread    []stream.Stamped // ends that the task has written
	dues      []stream.Due     // that there ever were
}

// site is an edge.
type site struct {
	id         string
	epoch, seq int64
	tabs       map[string]*tab
	todo       []string // sessions that the new epoch has still to announce
	claimed    bool     // it owes an edge.started
	// shaken: the log doesn't know what the edge knows: an event of the epoch
	// broken was lost, or that epoch is over. A later one mends it.
	shaken bool
	broken int64
}

// tab is a session as its edge knows it.
type tab struct {
	user, nick string
	subs       map[string]schema.Subscription
}

var ringSites = []string{"E1", "E2", "E3"}

func newRing(rt *rapid.T) *ring {
	r := &ring{rt: rt, sites: map[string]*site{}, said: map[schema.Sequence]string{}, told: map[string]bool{},
		heard: schema.Sequence{Offset: -1}}
	for _, id := range ringSites {
		r.sites[id] = &site{id: id, tabs: map[string]*tab{}}
		r.claim(r.sites[id])
	}
	r.own(grace)
	r.restore()
	return r
}

func (r *ring) draw(n int, label string) int { return rapid.IntRange(0, n-1).Draw(r.rt, label) }

func (r *ring) site() *site { return r.sites[rapid.SampledFrom(ringSites).Draw(r.rt, "edge")] }

// tab draws a live session.
func (r *ring) tab() (*site, string, bool) {
	s := r.site()
	if len(s.tabs) == 0 {
		return s, "", false
	}
	return s, rapid.SampledFrom(slices.Sorted(maps.Keys(s.tabs))).Draw(r.rt, "session"), true
}

func (r *ring) append(source string, seq int64, typ schema.Type, user string, data any) {
	r.clock++
	stamp := schema.Stamp{Source: source, Sequence: schema.Sequence{Offset: seq}}
	_, value, err := schema.Encode(typ, user, schema.At(epochStart.Add(milliseconds(r.clock))), stamp, schema.TopicLifecycle, partition, data)
	if err != nil {
		r.rt.Fatal(err)
	}
	r.raw(user, value)
}

func (r *ring) raw(key string, value []byte) {
	r.log = append(r.log, stream.Record{Offset: int64(len(r.log)), Key: []byte(key), Value: value})
	r.present = append(r.present, r.truth(func(s *site) bool { return !s.shaken }))
}

// truth is who is in which channel on the edges that count.
func (r *ring) truth(counts func(*site) bool) map[string]bool {
	here := map[string]bool{}
	for _, s := range r.sites {
		for _, t := range s.tabs {
			if !counts(s) {
				continue
			}
			here[schema.Personal(t.user)+" "+t.user] = true
			for _, sub := range t.subs {
				if sub.Role == schema.RoleMember {
					here[sub.Channel+" "+t.user] = true
				}
			}
		}
	}
	return here
}

// say appends an event of an edge about a session, unless it is lost.
func (r *ring) say(s *site, typ schema.Type, user string, data any) {
	s.seq++
	if r.draw(25, "lost") == 0 {
		s.shake()
		return
	}
	r.append(schema.EdgeSource(s.id, s.epoch), s.seq, typ, user, data)
}

func (s *site) shake() { s.shaken, s.broken = true, s.epoch }

func (s *site) ref(session string) schema.Ref {
	return schema.Ref{Session: session, User: s.tabs[session].user, Edge: s.id, Epoch: s.epoch}
}

func (r *ring) connect() {
	r.named++
	s, id := r.site(), fmt.Sprintf("s%03d", r.named)
	s.tabs[id] = &tab{user: rapid.SampledFrom([]string{"alice", "bob"}).Draw(r.rt, "user"), subs: map[string]schema.Subscription{}}
	r.say(s, schema.TypeSessionConnected, s.tabs[id].user, &schema.SessionConnected{Ref: s.ref(id)})
}

// subscribe subscribes or unsubscribes, or changes the role or the channel of an id.
func (r *ring) subscribe(s *site, id string) {
	t := s.tabs[id]
	name := rapid.SampledFrom([]string{"x", "y"}).Draw(r.rt, "id")
	if sub, ok := t.subs[name]; ok && r.draw(2, "unsubscribe") == 0 {
		delete(t.subs, name)
		r.say(s, schema.TypeSessionUnsubscribed, t.user, &schema.SessionUnsubscribed{Ref: s.ref(id), Subscription: sub})
		return
	}
	sub := schema.Subscription{ID: name, Channel: rapid.SampledFrom([]string{"room", "hall"}).Draw(r.rt, "channel"),
		Role: rapid.SampledFrom([]schema.Role{schema.RoleMember, schema.RoleWatcher}).Draw(r.rt, "role")}
	sub.Destination = "/topic/" + sub.Channel
	t.subs[name] = sub
	r.say(s, schema.TypeSessionSubscribed, t.user, &schema.SessionSubscribed{Ref: s.ref(id), Subscription: sub})
}

func (r *ring) end(s *site, id string) {
	d := &schema.SessionDisconnected{Ref: s.ref(id), Initiator: schema.InitiatorClient,
		Reason: rapid.SampledFrom([]schema.Reason{schema.ReasonConnectionLost, schema.ReasonClientDisconnect, schema.ReasonServerShutdown}).Draw(r.rt, "reason")}
	delete(s.tabs, id)
	r.say(s, schema.TypeSessionDisconnected, d.User, d)
}

// claim begins a new epoch: what is live is to be announced again.
func (r *ring) claim(s *site) {
	r.epochs += 3
	s.epoch, s.seq, s.claimed, s.todo = r.epochs, 0, true, slices.Sorted(maps.Keys(s.tabs))
}

// announce lets a new epoch take one step.
func (r *ring) announce(s *site) {
	switch {
	case len(s.todo) > 0:
		id := s.todo[0]
		s.todo = s.todo[1:]
		if t, live := s.tabs[id]; live {
			s.seq++
			r.append(schema.EdgeSource(s.id, s.epoch), s.seq, schema.TypeSessionConnected, t.user,
				&schema.SessionConnected{Ref: s.ref(id), Reannounced: true, Subscriptions: slices.Collect(maps.Values(t.subs))})
		}
	case s.claimed:
		s.claimed, s.shaken = false, s.broken == s.epoch
		s.seq++
		r.append(schema.EdgeSource(s.id, s.epoch), s.seq, schema.TypeEdgeStarted, "", &schema.EdgeStarted{Edge: s.id, Epoch: s.epoch})
	}
}

func (r *ring) own(d schema.Delays) {
	r.owners = append(r.owners, int64(len(r.log)))
	r.append(schema.TaskSource(Name, fmt.Sprint("claim", len(r.owners)), partition), 1, schema.TypeOwnerStarted, "",
		&schema.OwnerStarted{Owner: "p", Claim: fmt.Sprint(len(r.owners)), FoldVersion: version, Delays: d})
}

// owner draws who speaks: the newest owner, or one that has woken up late.
func (r *ring) owner() (epoch int64, newest bool) {
	i := len(r.owners) - 1
	if r.draw(4, "late owner") == 0 {
		i = r.draw(len(r.owners), "owner")
	}
	return r.owners[i], i == len(r.owners)-1
}

// expire lets an owner find that an edge's lease has run out.
func (r *ring) expire(s *site) {
	owner, newest := r.owner()
	if newest {
		s.shake()
	}
	r.append(schema.TaskSource(Name, "claim", partition), 1, schema.TypeEdgeExpired, "",
		&schema.EdgeExpired{Edge: s.id, Epoch: s.epoch, OwnerEpoch: owner})
}

// due lets an owner write a due of now, or one that there was before.
func (r *ring) due(from []stream.Due) {
	if len(from) == 0 {
		return
	}
	d := from[r.draw(len(from), "due")]
	owner, _ := r.owner()
	r.writeDue(d, owner)
}

func (r *ring) writeDue(d stream.Due, owner int64) {
	r.append(schema.TaskSource(Name, "claim", partition), 1, schema.TypeLeaveDue, d.User,
		&schema.LeaveDue{User: d.User, Session: d.Session, Cause: d.Cause, OwnerEpoch: owner})
}

// repeat appends a record once more as it stands, however old it is. An owner
// claims each time anew, so its owner.started never comes twice.
func (r *ring) repeat() {
	rec := r.log[rapid.IntRange(int(r.logStart), len(r.log)-1).Draw(r.rt, "repeat")]
	ev, data, err := schema.Decode(rec.Value)
	if err != nil {
		r.rt.Fatal(err)
	}
	if ev.Type != schema.TypeOwnerStarted {
		if d, ok := data.(*schema.EdgeExpired); ok && d.OwnerEpoch == r.owners[len(r.owners)-1] && d.Epoch >= r.sites[d.Edge].epoch {
			r.sites[d.Edge].shake()
		}
		r.raw(string(rec.Key), rec.Value)
	}
}

// kill ends an edge with all its sessions; it comes back empty.
func (r *ring) kill(s *site) {
	clear(s.tabs)
	r.claim(s)
}

// age moves the log's start, and lets an owner say what has outlived it.
func (r *ring) age() {
	r.logStart = rapid.Int64Range(r.logStart, max(r.logStart, r.m.Position()-1)).Draw(r.rt, "log start")
	owner, _ := r.owner()
	if ee, ok := r.m.Forgettable(r.logStart); ok {
		r.append(schema.TaskSource(Name, "claim", partition), 1, schema.TypeEdgeExpired, "",
			&schema.EdgeExpired{Edge: ee.Edge, Epoch: ee.Epoch, OwnerEpoch: owner, LogStart: r.logStart})
	}
	dues, _ := r.m.Aged(r.logStart, "", 1000)
	for _, d := range dues {
		r.writeDue(d, owner)
	}
}
