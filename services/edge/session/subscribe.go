package session

import (
	"slices"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/stomp"
)

func (s *Session) subscribe(f *stomp.Frame) (Action, *refusal) {
	destination, err := need(f, "destination")
	if err != nil {
		return nil, err
	}
	id, err := s.subscriptionID(f)
	if err != nil {
		return nil, err
	}
	if err := checkSubscription(id, destination); err != nil {
		return nil, err
	}
	if mode := f.Text("ack"); mode != "" && mode != "auto" {
		return nil, broken("ack mode %q is not supported: only auto is", mode)
	}
	if s.find(id) >= 0 {
		return nil, broken("there is a subscription %q already", id)
	}
	if len(s.subs) >= s.cfg.MaxSubscriptions {
		return nil, forbidden("a session may have %d subscriptions", s.cfg.MaxSubscriptions)
	}
	channel, role, err := resolve(destination)
	if err != nil {
		return nil, err
	}
	sub := schema.Subscription{ID: id, Destination: destination, Channel: channel, Role: role}
	if !s.may.Covers(sub) {
		return nil, s.uncovered("subscribe to", destination)
	}
	s.subs = append(s.subs, sub)
	return Subscribe{Subscription: sub, Receipt: f.Text("receipt")}, nil
}

// subscriptionID is the client's id. 1.0 may go without: then the destination
// stands for it.
func (s *Session) subscriptionID(f *stomp.Frame) (string, *refusal) {
	if _, ok := f.Get("id"); !ok && s.version == stomp.V10 {
		return need(f, "destination")
	}
	return need(f, "id")
}

// unsubscribe ends a subscription. One that isn't there is no error: the
// server may have ended it a moment ago.
func (s *Session) unsubscribe(f *stomp.Frame) (Action, *refusal) {
	id, err := s.subscriptionID(f)
	if err != nil {
		return nil, err
	}
	at := s.find(id)
	if _, byID := f.Get("id"); at < 0 && !byID {
		at = slices.IndexFunc(s.subs, func(sub schema.Subscription) bool { return sub.Destination == id })
	}
	if at < 0 {
		return nil, nil
	}
	sub := s.subs[at]
	s.remove(at)
	return Unsubscribe{Subscription: sub, Receipt: f.Text("receipt")}, nil
}

// Drop removes a subscription from the server's side and reports whether it
// was there.
func (s *Session) Drop(id string) bool {
	at := s.find(id)
	if at >= 0 {
		s.remove(at)
	}
	return at >= 0
}

func (s *Session) find(id string) int {
	return slices.IndexFunc(s.subs, func(sub schema.Subscription) bool { return sub.ID == id })
}

func (s *Session) remove(at int) {
	if s.subs = slices.Delete(s.subs, at, at+1); len(s.subs) == 0 {
		s.subs = nil
	}
}
