package oracle

import (
	"cmp"
	"slices"
	"time"

	"rollcall.dev/events/schema"
)

// ending is when and how something ended, as far as the observer can know.
// Both times are forever for what goes on.
type ending struct {
	earliest, latest time.Duration
	// The user may be told to have left no sooner than shortest after the
	// earliest end, and has to be no later than longest after the latest.
	shortest, longest time.Duration
	reasons           []schema.Reason // what may be told; none: anything
	dead              bool            // the edge died, with what nobody else had heard of
}

func goesOn() ending { return ending{earliest: forever, latest: forever} }

func (e ending) over() bool { return e.earliest < forever }

// conn is one connection of one client.
type conn struct {
	id, user, edge, session string

	asked, told time.Duration // CONNECT and CONNECTED
	acked       time.Duration // since when the log knows the session for sure
	end         ending
	heard       []time.Duration // when frames came
	meta        schema.Meta     // as said last
	subs        []*sub
	sends       []*send
	facts       []Fact
}

// sub is one subscription.
type sub struct {
	conn        *conn
	id, channel string
	role        schema.Role
	asked       time.Duration
	taken       time.Duration // since when there is proof that the edge has it
	acked       time.Duration // its receipt
	end         ending
	frames      []Fact
}

// send is a message on its way.
type send struct {
	conn         *conn
	n            int // in the order of its connection
	channel      string
	body         string
	asked, acked time.Duration
}

// world is what happened outside of the services.
type world struct {
	Config
	faults faults
	quiet  time.Duration
	conns  []*conn
	byID   map[string]*conn
	places map[place]*presence
}

// newWorld reads the facts.
func newWorld(h History) *world {
	w := &world{Config: h.Config, faults: newFaults(h), quiet: forever, byID: map[string]*conn{}}
	waiting := map[string]func(at time.Duration){}
	var stops []Fact
	for _, f := range h.Facts {
		switch f.Kind {
		case EdgeKilled:
			w.killed(f)
		case EdgeStops:
			stops = append(stops, f)
		case Quiet:
			w.quiet = f.At
		case Connecting:
			c := &conn{id: f.Conn, user: f.User, edge: f.Edge, asked: f.At, told: forever, acked: forever, end: goesOn(), meta: f.Meta}
			w.conns = append(w.conns, c)
			w.byID[f.Conn] = c
		}
		c := w.byID[f.Conn]
		if c == nil {
			continue
		}
		if f.Kind != Frame {
			c.facts = append(c.facts, f)
		}
		if f.Kind == Receipt {
			if answer := waiting[f.Conn+" "+f.ID]; answer != nil {
				answer(f.At)
			}
			continue
		}
		if answer := w.does(c, f); answer != nil && f.ID != "" {
			waiting[f.Conn+" "+f.ID] = answer
		}
	}
	for _, f := range stops {
		w.stops(f)
	}
	w.expired()
	w.places = w.presences()
	return w
}

// does takes one fact of a connection and returns what its receipt means.
func (w *world) does(c *conn, f Fact) (receipt func(at time.Duration)) {
	switch f.Kind {
	case Connected:
		c.told, c.session, c.heard = f.At, f.Session, append(c.heard, f.At)
	case Subscribe:
		s := &sub{conn: c, id: f.Sub, channel: f.Channel, role: f.Role, asked: f.At, taken: forever, acked: forever, end: goesOn()}
		c.subs = append(c.subs, s)
		return func(at time.Duration) {
			s.taken, s.acked, c.acked = min(s.taken, at), at, min(c.acked, at)
		}
	case Unsubscribe:
		if s := c.sub(f.Sub); s != nil {
			s.end = ending{earliest: f.At, latest: forever, reasons: []schema.Reason{schema.ReasonUnsubscribed},
				shortest: w.delay(schema.ReasonUnsubscribed, 0), longest: w.delay(schema.ReasonUnsubscribed, 0)}
			return func(at time.Duration) { s.end.latest = at }
		}
	case Send:
		m := &send{conn: c, n: len(c.sends), channel: f.Channel, body: string(f.Body), asked: f.At, acked: forever}
		c.sends = append(c.sends, m)
		return func(at time.Duration) { m.acked = at }
	case Update:
		c.meta = nil // either, until the receipt
		return func(time.Duration) { c.meta = f.Meta }
	case Frame:
		c.heard = append(c.heard, f.At)
		if s := c.sub(f.Sub); s != nil {
			s.taken = min(s.taken, f.At)
			s.frames = append(s.frames, f)
		}
	case Disconnect, Close, Cut, Ended:
		if !c.end.over() {
			c.end = w.ends(c, f)
			w.sooner(c, f.At)
		}
	}
	return nil
}

// sub is the newest subscription of an id.
func (c *conn) sub(id string) *sub {
	for _, s := range slices.Backward(c.subs) {
		if s.id == id {
			return s
		}
	}
	return nil
}

// heardBy is when something last came by a time; else it asked.
func (c *conn) heardBy(by time.Duration) time.Duration {
	for _, at := range slices.Backward(c.heard) {
		if at <= by {
			return at
		}
	}
	return c.asked
}

// ends tells how a connection ended.
func (w *world) ends(c *conn, f Fact) ending {
	noticed := w.faults.after(f.At, w.Detection)
	end := func(reason schema.Reason, latest time.Duration, also ...schema.Reason) ending {
		d := w.delay(reason, f.Code)
		return ending{earliest: f.At, latest: latest, shortest: d, longest: d, reasons: append(also, reason)}
	}
	lost := []schema.Reason{schema.ReasonHeartbeatTimeout, schema.ReasonSlowConsumer, schema.ReasonClientClose}
	switch f.Kind {
	case Disconnect:
		e := end(schema.ReasonClientDisconnect, noticed, append(lost, schema.ReasonConnectionLost)...)
		e.longest = max(e.longest, w.unclean()) // it may never arrive
		return e
	case Close:
		e := end(schema.ReasonClientClose, noticed, append(lost, schema.ReasonConnectionLost)...)
		e.longest = max(e.longest, w.unclean())
		return e
	case Cut:
		return end(schema.ReasonConnectionLost, noticed, lost...)
	}
	e := end(f.Reason, w.faults.after(f.At, w.Slack))
	if f.Reason == "" { // it may have ended for any reason that keeps a place
		e.reasons, e.longest = nil, max(e.longest, w.delay(schema.ReasonServerShutdown, 0))
	}
	e.earliest = f.At - w.Slack
	if w.faults.after(e.earliest, w.Slack) > f.At {
		e.earliest = min(e.earliest, c.heardBy(f.At))
	}
	e.earliest = max(e.earliest, c.asked)
	return e
}

// sooner looks whether the edge may have ended a connection before its client
// knew: when it could hear nothing of it. What came as soon as the link was up
// again may have been sent before.
func (w *world) sooner(c *conn, at time.Duration) {
	for _, down := range w.faults.links[c.edge] {
		if down.from > at || down.to < c.heardBy(at)-w.Slack {
			continue
		}
		c.end.earliest = min(c.end.earliest, max(c.heardBy(down.from), down.from-w.Detection))
	}
	if c.end.earliest < at-w.Slack && len(c.end.reasons) > 0 {
		c.end.reasons = append(c.end.reasons, schema.ReasonHeartbeatTimeout, schema.ReasonConnectionLost, schema.ReasonSlowConsumer)
		c.end.shortest, c.end.longest = min(c.end.shortest, w.unclean()), max(c.end.longest, w.unclean())
	}
}

// killed ends what an edge held, what it had no time to tell of included.
func (w *world) killed(f Fact) {
	gone := w.faults.after(f.At, w.Lease+w.Slack)
	for _, c := range w.conns {
		switch {
		case c.edge != f.Edge:
		case !c.end.over():
			c.end = ending{earliest: f.At, latest: gone, shortest: w.unclean(), longest: w.unclean(), reasons: []schema.Reason{schema.ReasonEdgeLost}, dead: true}
			w.sooner(c, f.At)
			c.facts = append(c.facts, f)
		case w.faults.after(c.end.earliest, w.Detection+w.Slack) >= f.At:
			c.end.lost(gone, w.unclean())
			c.end.dead = true
			c.facts = append(c.facts, f)
		}
	}
}

// stops: an edge that ends in order ends what it doesn't know to be over.
func (w *world) stops(f Fact) {
	for _, c := range w.conns {
		near := c.asked <= f.At && c.end.earliest <= f.At+w.Recovery && w.faults.after(c.end.earliest, w.Detection+w.Slack) >= f.At
		if c.edge == f.Edge && c.end.over() && len(c.end.reasons) > 0 && near {
			c.end.reasons = append(c.end.reasons, schema.ReasonServerShutdown)
			c.end.longest = max(c.end.longest, w.delay(schema.ReasonServerShutdown, 0))
			c.facts = append(c.facts, f)
		}
	}
}

// lost: it may be that nobody hears of the end but by the edge's own.
func (e *ending) lost(latest, delay time.Duration) {
	e.latest, e.longest = max(e.latest, latest), max(e.longest, delay)
	e.shortest = min(e.shortest, delay)
	if len(e.reasons) > 0 {
		e.reasons = append(e.reasons, schema.ReasonEdgeLost)
	}
}

// expired looks at ends while the edge was away.
func (w *world) expired() {
	for _, c := range w.conns {
		for _, a := range w.expiries(c.edge) {
			if c.end.over() && a.overlaps(span{c.end.earliest, c.end.latest + 1}) {
				c.end.lost(a.to, w.unclean())
			}
		}
	}
}

// expiries are the times in which an edge may count as dead though it lives.
func (w *world) expiries(edge string) []span {
	var out []span
	for _, a := range w.faults.away[edge] {
		if a.to-a.from >= w.Lease-w.Slack {
			out = append(out, span{a.from + w.Lease - w.Slack, a.to + w.Recovery})
		}
	}
	return out
}

func byTime(a, b Fact) int { return cmp.Compare(a.At, b.At) }
