package session

import (
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"rollcall.dev/events/schema"
	"rollcall.dev/services/edge/grant"
	"rollcall.dev/services/edge/stomp"
)

// State is where a session stands.
type State uint8

// The states, in order.
const (
	AwaitingConnect State = iota
	Connecting
	Live
	Renewing
	Closing
)

// Session is one session. Not safe for concurrent use.
type Session struct {
	cfg     *Config
	parser  stomp.Parser
	subs    []schema.Subscription
	state   State
	version stomp.Version
	beats   HeartBeat
	may     grant.Grant
}

// New begins a session, which awaits CONNECT.
func New(cfg *Config) *Session {
	return &Session{cfg: cfg, parser: stomp.NewParser(&cfg.Limits)}
}

// State is where the session stands.
func (s *Session) State() State { return s.state }

// Version is the negotiated version, 1.0 before that.
func (s *Session) Version() stomp.Version { return s.version }

// Subscriptions are the live ones, in the order of their SUBSCRIBE, those to
// local queues (no channel) included. Read-only, and valid until the next call.
func (s *Session) Subscriptions() []schema.Subscription { return s.subs }

// frames holds scratch frames: an idle session needs none.
var frames = sync.Pool{New: func() any { return new(stomp.Frame) }}

// Feed takes the bytes of one message (cut anywhere) and appends what is to
// be done to dst, in order. The bytes may be modified; they are not kept.
func (s *Session) Feed(dst []Action, data []byte) []Action {
	if s.state == Closing {
		return dst
	}
	s.parser.Push(data)
	return s.run(dst)
}

// run handles the frames that are there, as far as the state allows.
func (s *Session) run(dst []Action) []Action {
	f := frames.Get().(*stomp.Frame)
	defer func() {
		f.Release()
		frames.Put(f)
	}()
	for s.state == AwaitingConnect || s.state == Live {
		ok, err := s.parser.Next(f)
		if err != nil {
			return s.failParse(dst, err)
		}
		if !ok {
			return dst
		}
		dst = s.handle(dst, f)
	}
	if s.state == Connecting || s.state == Renewing {
		return s.park(dst)
	}
	return dst
}

// park keeps what came before the hub has answered.
func (s *Session) park(dst []Action) []Action {
	if n := s.parser.Unread(); n > s.cfg.Limits.Frame {
		before := "CONNECTED"
		if s.state == Renewing {
			before = "the token was checked"
		}
		return s.Fail(dst, schema.ReasonPolicyViolation,
			fmt.Sprintf("%d bytes were sent before %s, at most %d are kept", n, before, s.cfg.Limits.Frame), "")
	}
	s.parser.Park()
	return dst
}

func (s *Session) failParse(dst []Action, err error) []Action {
	reason, detail := schema.ReasonProtocolError, err.Error()
	if pe, ok := errors.AsType[*stomp.ParseError](err); ok {
		detail = pe.Detail
		if pe.Kind == stomp.TooLarge {
			reason = schema.ReasonTooLarge
		}
	}
	return s.Fail(dst, reason, detail, "")
}

// handle turns one frame into actions; a frame that can't be is a refusal,
// which ends the session.
func (s *Session) handle(dst []Action, f *stomp.Frame) []Action {
	var (
		act Action
		err *refusal
	)
	if s.state == AwaitingConnect {
		act, err = s.connect(f)
	} else {
		act, err = s.request(f)
	}
	switch {
	case err != nil:
		return s.refuse(dst, err, f.Text("receipt"))
	case act != nil:
		return append(dst, act)
	default:
		return s.confirm(dst, f)
	}
}

// confirm answers the receipt of a frame that asks for nothing else.
func (s *Session) confirm(dst []Action, f *stomp.Frame) []Action {
	if receipt := f.Text("receipt"); receipt != "" {
		dst = append(dst, Reply{Frame: s.Receipt(receipt)})
	}
	return dst
}

// request handles a frame of a live session. Without an action and an error
// the frame needs no more than its receipt.
func (s *Session) request(f *stomp.Frame) (Action, *refusal) {
	switch f.Command {
	case stomp.Subscribe:
		return s.subscribe(f)
	case stomp.Unsubscribe:
		return s.unsubscribe(f)
	case stomp.Send:
		return s.send(f)
	case stomp.Disconnect:
		receipt := f.Text("receipt")
		s.close()
		return Disconnect{Receipt: receipt}, nil
	case stomp.Ack, stomp.Nack:
		return nil, s.acknowledge(f)
	case stomp.Begin, stomp.Commit, stomp.Abort:
		return nil, broken("%s is not supported: there are no transactions here", f.Command)
	case stomp.Connect, stomp.Stomp:
		return nil, broken("%s came twice", f.Command)
	default:
		return nil, broken("%s is sent by servers only", f.Command)
	}
}

// acknowledge: every subscription has ack:auto, so there is nothing to
// acknowledge, and nothing that could be taken back.
func (s *Session) acknowledge(f *stomp.Frame) *refusal {
	if f.Command == stomp.Nack && s.version == stomp.V10 {
		return broken("NACK is no command of STOMP 1.0")
	}
	needed := [][]string{stomp.V10: {"message-id"}, stomp.V11: {"message-id", "subscription"}, stomp.V12: {"id"}}
	for _, name := range needed[s.version] {
		if _, err := need(f, name); err != nil {
			return err
		}
	}
	if err := noTransaction(f); err != nil {
		return err
	}
	if f.Command == stomp.Nack {
		return broken("NACK is not supported: subscriptions are ack:auto")
	}
	return nil
}

// need is the value of a header that must be there, as UTF-8.
func need(f *stomp.Frame, name string) (string, *refusal) {
	value, ok := f.Get(name)
	if !ok || len(value) == 0 {
		return "", broken("%s needs a header %s", f.Command, name)
	}
	if !utf8.Valid(value) {
		return "", broken("header %s of %s is not UTF-8", name, f.Command)
	}
	return string(value), nil
}

func noTransaction(f *stomp.Frame) *refusal {
	if _, ok := f.Get("transaction"); ok {
		return broken("header transaction of %s is not supported: there are no transactions here", f.Command)
	}
	return nil
}

// close drops what a session that has ended needs no more.
func (s *Session) close() {
	s.state = Closing
	s.parser = stomp.NewParser(&s.cfg.Limits)
	s.subs = nil
}
