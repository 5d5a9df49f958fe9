package fold

import (
	"unicode/utf8"

	"rollcall.dev/events/schema"
	stream "rollcall.dev/events/stream/fold"
)

// decodePlain is encoding/json for the values that a restore is full of, at a
// tenth of its time: no space, no escape, no unknown or repeated field. It is
// not ok with anything else, which is left to encoding/json; what it is ok with
// it decodes alike.
func decodePlain(kind string, value []byte) (stream.Entity, bool) {
	if !utf8.Valid(value) {
		return nil, false
	}
	p := plain{text: string(value), raw: value}
	var e stream.Entity
	switch kind {
	case kindSession:
		e = p.session()
	case kindMembership:
		e = p.membership()
	case kindSeen:
		e = p.seen()
	default:
		return nil, false
	}
	return e, !p.odd && p.at == len(p.text)
}

// plain reads a JSON value. Once it is odd, what it reads means nothing. The
// strings are parts of the text.
type plain struct {
	text string
	raw  []byte
	at   int
	odd  bool
}

func (p *plain) session() *Session {
	s := new(Session)
	p.object(func(name string) {
		switch name {
		case "user":
			s.User = p.string()
		case "session":
			s.ID = p.string()
		case "edge":
			s.Edge = p.string()
		case "epoch":
			s.Epoch = p.number()
		case "mailbox_partition":
			s.MailboxPartition = p.number32()
		case "protocol":
			s.Protocol = p.string()
		case "user_agent":
			s.UserAgent = p.string()
		case "meta":
			s.Meta = p.meta()
		case "status":
			s.Status = p.string()
		case "said":
			s.Said = p.true()
		case "connected":
			s.Connected = p.number()
		case "connected_at":
			s.ConnectedAt = p.time()
		case "subscriptions":
			s.Subscriptions = p.subscriptions()
		default:
			p.odd = true
		}
	})
	return s
}

func (p *plain) subscriptions() []schema.Subscription {
	list := make([]schema.Subscription, 0, 2)
	p.take('[')
	for !p.odd {
		var sub schema.Subscription
		p.object(func(name string) {
			switch name {
			case "subscription":
				sub.ID = p.string()
			case "destination":
				sub.Destination = p.string()
			case "channel":
				sub.Channel = p.string()
			case "role":
				sub.Role = schema.Role(p.string())
			default:
				p.odd = true
			}
		})
		list = append(list, sub)
		if !p.more(']') {
			break
		}
	}
	return list
}

func (p *plain) membership() *Membership {
	m := new(Membership)
	p.object(func(name string) {
		switch name {
		case "user":
			m.User = p.string()
		case "channel":
			m.Channel = p.string()
		case "since":
			m.Since = p.time()
		case "meta":
			m.Meta = p.meta()
		case "status":
			m.Status = p.string()
		default:
			p.odd = true
		}
	})
	return m
}

func (p *plain) seen() *Seen {
	s := new(Seen)
	p.object(func(name string) {
		switch name {
		case "user":
			s.User = p.string()
		case "session":
			s.Session = p.string()
		case "last_seen":
			s.LastSeen = p.time()
		case "reason":
			s.Reason = schema.Reason(p.string())
		case "initiator":
			s.Initiator = schema.Initiator(p.string())
		case "cause":
			s.Cause = p.number()
		default:
			p.odd = true
		}
	})
	return s
}

func (p *plain) meta() schema.Meta {
	m := schema.Meta{}
	p.object(func(name string) { m[name] = p.string() })
	return m
}

// object reads the fields of an object that isn't empty. A repeated field may
// add to the first, so it is odd.
func (p *plain) object(field func(name string)) {
	var few [16]string
	seen := few[:0]
	p.take('{')
	for !p.odd {
		name := p.string()
		for _, other := range seen {
			p.odd = p.odd || name == other
		}
		seen = append(seen, name)
		p.take(':')
		field(name)
		if !p.more('}') {
			return
		}
	}
}
