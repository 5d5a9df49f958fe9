package sockjs

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"rollcall.dev/services/edge/ws"
)

// maxReason bounds the reason of a close frame, as WebSocket does.
const maxReason = 123

// Frames that are always the same.
var (
	openFrame = []byte("o")
	hushFrame = []byte("h")       // keeps proxies awake; clients take no notice
	beatFrame = []byte(`a["\n"]`) // a STOMP heart-beat: the session's client sees it
)

// envelope is SockJS over WebSocket. Clients write characters that some browsers
// once mangled as \uXXXX, which triples them.
var envelope = &ws.Envelope{
	Protocol:  "sockjs-websocket",
	Open:      openFrame,
	Beat:      beatFrame,
	Expansion: 3,
	Close:     closeFrame,
	Wrap: func(head, tail []byte) []byte {
		dst := append(make([]byte, 0, len(head)+len(tail)+64), `a["`...)
		return append(appendEscaped(appendEscaped(dst, head), tail), `"]`...)
	},
	Unwrap: func(p []byte, limit int, take func([]byte)) error {
		if err := decode(bytes.NewReader(p), limit, take); err != errEmpty { // which the protocol lets pass
			return err
		}
		return nil
	},
}

// closeFrame is `c[1008,"kicked"]`.
func closeFrame(code int, reason string) []byte {
	frame, err := json.Marshal([]any{code, reason[:min(len(reason), maxReason)]})
	if err != nil {
		panic(err) // never: an integer and a string
	}
	return append([]byte{'c'}, frame...)
}

const hex = "0123456789abcdef"

// appendEscaped appends text as it stands within a JSON string. What is no
// UTF-8 becomes U+FFFD.
func appendEscaped(dst, text []byte) []byte {
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRune(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		} else if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, '\\', c)
		}
		i++
		from = i
	}
	return append(dst, text[from:]...)
}
