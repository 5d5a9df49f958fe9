package fold

import "strings"

// The kinds of entities, which begin their keys, and that of secondary keys.
const (
	kindMember   = "m"
	kindChannel  = "c"
	kindInterest = "i"
	kindSeen     = "l"

	indexEdge = "e"
)

// separator ends each part of a key. It sorts below all that stands in a part,
// so keys are in the order of their parts.
const separator = "\x00"

// escape keeps a part with a separator in it from reaching into the next: no
// edge writes one, but a topic takes what it is given.
var escape = strings.NewReplacer("\x00", "\x01\x02", "\x01", "\x01\x01")

// join ends each part with the separator: the key of few parts is the prefix
// of exactly those keys that go on after them.
func join(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		if strings.ContainsAny(part, "\x00\x01") {
			part = escape.Replace(part)
		}
		b.WriteString(part)
		b.WriteString(separator)
	}
	return b.String()
}

func memberKey(channel, user string) string { return join(kindMember, channel, user) }

func seenKey(channel string) string { return join(kindSeen, channel) }

func channelKey(channel string) string { return join(kindChannel, channel) }

func interestKey(channel, edge string) string { return join(kindInterest, channel, edge) }
