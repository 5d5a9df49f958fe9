package stomp

import "strings"

// Fanout is one MESSAGE for many subscribers. What is the same for all, the
// headers and the body, is encoded once; the header lines that differ stand
// before it:
//
//	MESSAGE\nsubscription:…\nmessage-id:…\n │ destination:…\n…\n\nbody\0
//	      AppendMessageHead                   Tail
//
// It is immutable and safe for concurrent use.
type Fanout struct {
	tails [3][]byte // by version; they share memory when nothing needs an escape
}

// NewFanout encodes the shared part: headers given as name and value in
// turn, without subscription and message-id, and the body, which is copied.
func NewFanout(body []byte, pairs ...string) *Fanout {
	if body == nil {
		body = []byte{}
	}
	f := &Fanout{}
	f.tails[V12] = appendRest(nil, V12, body, pairs)
	f.tails[V11], f.tails[V10] = f.tails[V12], f.tails[V12]
	if needsEscape(pairs) {
		f.tails[V11] = appendRest(nil, V11, body, pairs)
		f.tails[V10] = appendRest(nil, V10, body, pairs)
	}
	return f
}

// needsEscape reports whether the versions write any of the headers differently.
func needsEscape(pairs []string) bool {
	for _, s := range pairs {
		if strings.ContainsAny(s, "\\:\r\n") {
			return true
		}
	}
	return false
}

// Tail is the shared part in a version. Not to be modified.
func (f *Fanout) Tail(v Version) []byte { return f.tails[v] }

// AppendMessageHead appends what is one subscriber's own: the command and the
// headers subscription and message-id. A [Fanout]'s Tail must follow.
func AppendMessageHead(dst []byte, v Version, subscription, messageID string) []byte {
	dst = append(dst, "MESSAGE\n"...)
	dst = appendHeader(dst, v, "subscription", subscription)
	return appendHeader(dst, v, "message-id", messageID)
}
