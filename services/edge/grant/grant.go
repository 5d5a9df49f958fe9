// Package grant says what a session may do: which channels it may join, watch
// and send to, and whose presence it may watch.
package grant

import (
	"slices"
	"strings"
	"unique"

	"rollcall.dev/events/schema"
)

// Grant is a set of rules. The zero value allows nothing. Sessions with the
// same rights share one text, so a grant costs a session a pointer; grants can
// be compared.
type Grant struct {
	// rules are lines, sorted: the letter of what is allowed, then a pattern.
	// No pattern holds a line break.
	rules unique.Handle[string]
}

// What a rule allows.
const (
	join     = 'j'
	watch    = 'w'
	send     = 's'
	presence = 'p'
)

// any1 matches every name; at the end of a pattern, every rest.
const any1 = "*"

// Everything is the grant of who isn't restricted.
func Everything() Grant { return of([]string{"j*", "w*", "s*", "p*"}) }

// EveryChannel allows all of channels, but to watch users.
func EveryChannel() Grant { return of([]string{"j*", "w*", "s*"}) }

func of(rules []string) Grant {
	if len(rules) == 0 {
		return Grant{}
	}
	slices.Sort(rules)
	return Grant{unique.Make(strings.Join(slices.Compact(rules), "\n"))}
}

// MayJoin reports whether the session may be a member of a channel.
func (g Grant) MayJoin(channel string) bool { return g.allows(join, channel) }

// MayWatch reports whether it may be told of a channel without joining.
func (g Grant) MayWatch(channel string) bool { return g.allows(watch, channel) }

// MaySend reports whether it may send messages to a channel.
func (g Grant) MaySend(channel string) bool { return g.allows(send, channel) }

// MaySee reports whether it may watch a user come and go.
func (g Grant) MaySee(user string) bool { return g.allows(presence, user) }

// Covers reports whether a subscription is allowed. Those to queues of the
// session itself, which have no channel, always are.
func (g Grant) Covers(s schema.Subscription) bool {
	switch {
	case s.Channel == "":
		return true
	case schema.IsPersonal(s.Channel):
		return g.MaySee(strings.TrimPrefix(s.Channel, schema.PersonalPrefix))
	case s.Role == schema.RoleMember:
		return g.MayJoin(s.Channel)
	default:
		return g.MayWatch(s.Channel)
	}
}

func (g Grant) allows(what byte, name string) bool {
	if g == (Grant{}) {
		return false
	}
	for rest := g.rules.Value(); rest != ""; {
		var rule string
		rule, rest, _ = strings.Cut(rest, "\n")
		if rule[0] == what && matches(rule[1:], name) {
			return true
		}
	}
	return false
}

// matches holds a name against "room.1", "room.*" or "*".
func matches(pattern, name string) bool {
	if prefix, wild := strings.CutSuffix(pattern, any1); wild {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}
