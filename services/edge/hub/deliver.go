package hub

import (
	"errors"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/mailbox"
	"rollcall.dev/services/edge/roster"
	"rollcall.dev/services/edge/stomp"
	"rollcall.dev/services/edge/transport"
)

// frame is one MESSAGE on its way to many subscribers: the body is shared by
// all, the encoded frame by those that subscribed under one destination.
type frame struct {
	event string
	body  []byte
	id    string
	made  []fanout
	head  []byte // scratch
}

type fanout struct {
	destination string
	*stomp.Fanout
}

// tail is what subscribers of a destination have in common.
func (f *frame) tail(destination string, v stomp.Version) []byte {
	for i := range f.made {
		if f.made[i].destination == destination {
			return f.made[i].Tail(v)
		}
	}
	made := stomp.NewFanout(f.body, "destination", destination, "content-type", "application/json", "event", f.event)
	f.made = append(f.made, fanout{destination, made})
	return made.Tail(v)
}

func frameOf(o roster.Output) frame {
	f := frame{body: o.Body, id: o.Version.String()}
	switch o.Kind {
	case roster.Diff:
		f.event = schema.ClientPresenceDiff
	case roster.Message:
		f.event = schema.ClientMessage
	default:
		f.event = schema.ClientPresenceState
		f.id += "/state" // a diff may have the same version
	}
	return f
}

// send puts a frame into the queue of one subscriber.
func (s *subscription) send(f *frame) error {
	v := s.client.version
	f.head = stomp.AppendMessageHead(f.head[:0], v, s.id, f.id)
	return s.client.conn.SendShared(f.head, f.tail(s.destination, v))
}

// Deliver gives subscribers what the mailbox brought. Call it from one
// goroutine, so that a channel keeps its order.
func (h *Hub) Deliver(d *mailbox.Delivery) {
	var outs []roster.Output
	for i := range d.Channels {
		outs = h.deliver(outs[:0], &d.Channels[i])
	}
	for i := range d.Commands {
		h.command(&d.Commands[i])
	}
}

func (h *Hub) deliver(outs []roster.Output, in *mailbox.Channel) []roster.Output {
	sh := h.channels.of(in.Name)
	sh.mu.Lock()
	ch := sh.byName[in.Name]
	if ch == nil {
		if h.todo.stray(in.Name, h.now()) {
			h.withdraw(in.Name)
		}
		sh.mu.Unlock()
		return outs
	}
	ch.mu.Lock()
	defer ch.mu.Unlock()
	sh.mu.Unlock()
	outs = ch.roster.Apply(outs, in.Entries...)
	ch.state = frame{} // of the version before
	for i := range outs {
		h.tell(ch, outs[i])
	}
	ch.confirm()
	return outs
}

// tell gives one output to those of a channel whom it concerns.
func (h *Hub) tell(ch *channel, o roster.Output) {
	if o.Kind == roster.Message && len(o.Body) > maxMessage {
		h.metrics.dropped.Inc() // it would fit into nobody's queue
		return
	}
	f := frameOf(o)
	for _, s := range ch.subs {
		if s.concerns(o) {
			h.put(s, &f, o)
		}
	}
}

// concerns reports whether a subscriber is told an output.
func (s *subscription) concerns(o roster.Output) bool {
	switch o.Kind {
	case roster.Ready:
		return !s.has
	case roster.Whole:
		return s.has && s.partial && s.behind == 0
	case roster.Diff:
		return s.has && s.behind == 0
	default:
		return s.has
	}
}

// give sends the present state to one subscriber. When a whole room returns
// they share one frame as long as nothing changes. The channel's mu is held.
func (h *Hub) give(s *subscription) {
	ch := s.channel
	o := roster.Output{Kind: roster.Ready, Version: ch.roster.Version(), Body: ch.roster.Snapshot(false), Truncated: ch.roster.Truncated()}
	if len(ch.state.body) == 0 || &ch.state.body[0] != &o.Body[0] {
		ch.state = frameOf(o)
	}
	h.put(s, &ch.state, o)
	if len(o.Body) < roster.KeepSnapshot {
		ch.state = frame{}
	}
}

// put sends a frame. Who has no room for a change will get a new state once
// there is room; who has none for a message is too slow.
func (h *Hub) put(s *subscription, f *frame, o roster.Output) {
	err := s.send(f)
	switch {
	case errors.Is(err, transport.ErrSlow) && o.Kind == roster.Message:
		h.todo.slow(s.client)
		return
	case errors.Is(err, transport.ErrSlow):
		s.behind = max(h.now(), 1)
		h.todo.fallBehind(s.channel)
	}
	if o.Kind == roster.Ready || o.Kind == roster.Whole {
		s.has, s.partial = true, o.Truncated
	}
	h.metrics.delivered.Inc()
}

// catchUp gives those that are behind the present state, as far as there is
// room; who has had none for long is too slow. It reports whether some are
// still behind.
func (h *Hub) catchUp(ch *channel, now time.Duration) (behind bool) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.gone || !ch.roster.Live() {
		return false
	}
	f := frame{event: schema.ClientPresenceState, body: ch.roster.Snapshot(true), id: ch.roster.Version().String() + "/resync"}
	for _, s := range ch.subs {
		if s.behind == 0 {
			continue
		}
		switch err := s.send(&f); {
		case !errors.Is(err, transport.ErrSlow):
			s.behind, s.partial = 0, ch.roster.Truncated()
			h.metrics.resyncs.Inc()
		case now-s.behind >= behindMax:
			h.todo.slow(s.client)
		default:
			behind = true
		}
	}
	ch.confirm()
	return behind
}
