package fold

import (
	"fmt"
	"strings"
)

// The kinds of entities, which begin their keys, and those of secondary keys.
const (
	kindSession    = "s"
	kindHold       = "h"
	kindMembership = "m"
	kindCommand    = "k"
	kindCounter    = "n"
	kindSeen       = "l"
	kindKicked     = "o"

	indexCommands = "K"
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
	size := len(parts)
	for _, part := range parts {
		size += len(part)
	}
	var b strings.Builder
	b.Grow(size)
	for _, part := range parts {
		if strings.ContainsAny(part, "\x00\x01") {
			part = escape.Replace(part)
		}
		b.WriteString(part)
		b.WriteString(separator)
	}
	return b.String()
}

// ordinal writes a number so that text sorts as numbers do.
func ordinal(n int64) string { return fmt.Sprintf("%016x", n) }

func sessionKey(user, session string) string { return join(kindSession, user, session) }

func membershipKey(user, channel string) string { return join(kindMembership, user, channel) }

func seenKey(user string) string { return join(kindSeen, user) }

func kickedKey(user, session string) string { return join(kindKicked, user, session) }

// holdKey puts the holds of a user in a channel in the order of their causes.
func holdKey(h *Hold) string {
	return join(kindHold, h.User, h.Channel, ordinal(h.Cause), h.Session)
}

func commandKey(slot int64) string { return join(kindCommand, ordinal(slot)) }

// counterKey is that of the number of commands remembered so far.
var counterKey = join(kindCounter, "commands")

// part takes the first part off a key.
func part(key string) (first, rest string) {
	first, rest, _ = strings.Cut(key, separator)
	if strings.IndexByte(first, '\x01') >= 0 {
		first = unescape.Replace(first)
	}
	return first, rest
}

var unescape = strings.NewReplacer("\x01\x02", "\x00", "\x01\x01", "\x01")
